import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Conversions of the fixtures, and of the same weights in every other form that checkpoints come in.
@Suite struct ConversionTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @discardableResult
  func convert(
    _ checkpoint: String, _ name: String, recipe: Recipe = .uniform(.f32), packing: JambaFileWriter.Packing = .raw,
    threads: Int = 2, resumes: Bool = false, progress: (Int, Int) -> Bool = { _, _ in true }
  ) throws -> String {
    let path = folder.file(name)
    _ = try JambaConvert.convert(
      checkpoint: checkpoint, to: path,
      options: ConversionOptions(recipe: recipe, packing: packing, threads: threads, resumes: resumes), tool: "test",
      progress: progress)
    return path
  }

  /// A copy of a fixture whose tensors the body may change, in one file.
  func variant(_ fixture: String, _ change: (inout [String: TensorFile.Tensor], inout JSONObject) throws -> Void) throws
    -> String
  {
    let path = folder.file("checkpoint-" + UUID().uuidString)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    var file = try TensorFile.checkpoint(Fixtures.checkpoint(fixture))
    var config = try JSON.parse(bytes(of: Fixtures.checkpoint(fixture) + "/config.json")).object!
    try change(&file.tensors, &config)
    try file.save(to: path + "/model.safetensors")
    try write(Array(JSON.object(config).text().utf8), to: path + "/config.json")
    return path
  }

  /// Names, types, shapes and contents of all tensors.
  func tensors(_ path: String) throws -> [String: [UInt8]] {
    let file = try JambaFile(path: path)
    var all: [String: [UInt8]] = [:]
    for entry in file.directory.entries where entry.type != .document {
      all["\(entry.name) \(entry.type) \(entry.shape)"] = try file.contents(of: entry)
    }
    return all
  }

  @Test func addedRulesComeFirst() throws {
    let rules = [("*.x_proj.weight", StorageType.bf16), ("*_proj.weight", .int8)].map {
      Recipe.Rule(pattern: $0.0, type: $0.1)
    }
    let path = try convert(Fixtures.checkpoint("moe"), "m.jamba", recipe: .small.preceded(by: rules))
    for entry in try JambaFile(path: path).directory.entries where entry.name.hasSuffix("_proj.weight") {
      #expect(entry.type == (entry.name.hasSuffix("x_proj.weight") ? .bf16 : .int8), "\(entry.name)")
    }
    let error = #expect(throws: ConversionError.self) {
      try convert(
        Fixtures.checkpoint("moe"), "n.jamba",
        recipe: .small.preceded(by: [Recipe.Rule(pattern: "x_proj", type: .bf16)]))
    }
    #expect(try #require(error).description.contains("x_proj"))
  }

  /// Stars of which each could end anywhere: trying all of that would take years.
  @Test(.timeLimit(.minutes(1))) func patternsOfManyStars() throws {
    let stars = String(repeating: "*", count: 20) + "x"
    let error = #expect(throws: ConversionError.self) {
      try convert(
        Fixtures.checkpoint("moe"), "m.jamba",
        recipe: .small.preceded(by: [Recipe.Rule(pattern: stars, type: .bf16)]))
    }
    #expect(try #require(error).description.contains(stars))
    // What a star stands for may have to grow past the first place where the rest fits.
    let path = try convert(
      Fixtures.checkpoint("moe"), "m.jamba",
      recipe: .small.preceded(by: [Recipe.Rule(pattern: "*.0.*proj.*t", type: .bf16)]))
    for entry in try JambaFile(path: path).directory.entries where entry.name.contains("layers.0.") && entry.type.isMatrix {
      #expect(entry.type == .bf16, "\(entry.name)")
    }
  }

  @Test func recipesSpendBitsWhereTheyGainMost() throws {
    var types: [String: [String: StorageType]] = [:]
    for recipe in [Recipe.small, .balanced] {
      let path = try convert(Fixtures.checkpoint("demo"), recipe.name + ".jamba", recipe: recipe)
      types[recipe.name] = Dictionary(
        uniqueKeysWithValues: try JambaFile(path: path).directory.entries.map { ($0.name, $0.type) })
    }
    for (name, small) in try #require(types["small"]) where name.contains(".experts.") {
      #expect(small == .int4 && types["balanced"]?[name] == .int4)
    }
    #expect(types["balanced"]?["lm_head.weight"] == .int6)
    let order = [StorageType.int4, .int6, .int8]
    for (name, small) in try #require(types["small"]) {
      guard let place = order.firstIndex(of: small) else { continue }
      let balanced = try #require(types["balanced"]?[name])
      #expect(try place <= #require(order.firstIndex(of: balanced)))
    }
  }

  /// Most of a large model's weights are not worth more than 4 bits.
  @Test(arguments: [Recipe.small, .balanced])
  func largeModelsStayNearFourBits(recipe: Recipe) throws {
    let text = try bytes(of: Fixtures.repository + "/tools/measure/make-model/mini.json")
    let model = try SyntheticModel(configurationText: text, recipe: recipe)
    let weightCount = try ModelTensors(ModelConfiguration(JSON.parse(text))).all.reduce(0) { $0 + $1.shape.reduce(1, *) }
    let bits = 8 * Double(model.byteCount) / Double(weightCount)
    #expect(4.25..<4.5 ~= bits)
  }

  @Test(arguments: [2.7, 3.3, 4.7, 5.5, 7.5]) func aNumberOfBitsIsMet(bits: Double) throws {
    let recipe = try Recipe.meeting(bits: bits, checkpoint: Fixtures.checkpoint("demo"))
    let path = try convert(Fixtures.checkpoint("demo"), "m.jamba", recipe: recipe)
    let found = try JambaFile(path: path).directory.bitsPerWeight
    // What is left is less than the smallest step, which every class of matrices but the largest can take.
    #expect(found <= bits && found > bits - 0.1)
  }

  @Test(arguments: [3.2, 3.7]) func aNumberOfBitsOnDiskIsMet(bits: Double) throws {
    let recipe = try Recipe.meeting(bitsOnDisk: bits, checkpoint: Fixtures.checkpoint("demo"))
    let path = try convert(Fixtures.checkpoint("demo"), "m.jamba", recipe: recipe, packing: .zstd)
    let directory = try JambaFile(path: path).directory
    // Float32 vectors, which no rule is for, add 0.14.
    #expect(abs(directory.bitsOnDisk - bits) < 0.2)
    // In memory codes have the bits of their types.
    #expect(directory.bitsPerWeight > 4.4)
  }

  @Test func tooFewBitsOnDiskAreRefused() throws {
    let error = #expect(throws: ConversionError.self) {
      try Recipe.meeting(bitsOnDisk: 1.5, checkpoint: Fixtures.checkpoint("demo"))
    }
    #expect(try #require(error).description.contains("in a packed file"))
  }

  @Test func tooFewBitsAreRefused() throws {
    let error = #expect(throws: ConversionError.self) {
      try Recipe.meeting(bits: 2.2, checkpoint: Fixtures.checkpoint("demo"))
    }
    #expect(try #require(error).description.contains("at least 2.28"))
  }

  @Test(arguments: ["moe", "dense", "long", "odd", "demo"], ["f32", "bf16", "int8", "int6", "int3", "int2", "balanced", "small"])
  func everyTypeVerifiesAgainstItsSource(fixture: String, recipe: String) throws {
    let recipes = [
      "balanced": Recipe.balanced, "small": .small, "f32": .uniform(.f32), "bf16": .uniform(.bf16), "int6": .uniform(.int6),
      "int3": .uniform(.int3), "int2": .uniform(.int2),
    ]
    let path = try convert(
      Fixtures.checkpoint(fixture), "model.jamba", recipe: recipes[recipe] ?? .uniform(.int8), packing: .automatic)
    let report = try verify(path, against: Fixtures.checkpoint(fixture), threads: 2) { _, _ in true }
    let worst = report.tensors[0].relativeError
    // 10.5 dB for two bits, 15 for three, 20 for four, 30 for six, 40 for eight, half a unit of the eighth bit for bf16 (nothing where the source is bf16).
    let bounds: [String: Double] = ["f32": 0, "bf16": 0.004, "int8": 0.01, "int6": 0.032, "int3": 0.18, "int2": 0.3]
    let bound = bounds[recipe] ?? 0.1
    #expect(worst <= bound)
  }

  @Test func threadsAndPackingChangeNoValue() throws {
    let one = try convert(Fixtures.checkpoint("moe"), "one.jamba", recipe: .balanced, threads: 1)
    let three = try convert(Fixtures.checkpoint("moe"), "three.jamba", recipe: .balanced, threads: 3)
    #expect(try bytes(of: one) == bytes(of: three))
    let packed = try convert(Fixtures.checkpoint("moe"), "packed.jamba", recipe: .balanced, packing: .zstd)
    #expect(try tensors(one) == tensors(packed))
    try unpack(packed, to: folder.file("unpacked.jamba"), threads: 2) { _, _ in true }
    #expect(try tensors(one) == tensors(folder.file("unpacked.jamba")))
  }

  @Test func otherSpellingsGiveTheSameTensors() throws {
    let expected = try tensors(try convert(Fixtures.checkpoint("moe"), "plain.jamba"))
    let legacy = try variant("moe") { tensors, _ in
      tensors = Dictionary(
        uniqueKeysWithValues: tensors.map { name, tensor in
          (
            name.replacingOccurrences(of: ".feed_forward.router", with: ".moe.router")
              .replacingOccurrences(of: ".feed_forward.experts", with: ".moe.experts")
              .replacingOccurrences(of: ".feed_forward.gate", with: ".moe.experts.0.gate")
              .replacingOccurrences(of: ".feed_forward.up", with: ".feed_forward.experts.0.up")
              .replacingOccurrences(of: "pre_ff_layernorm", with: "pre_moe_layernorm")
              .replacingOccurrences(of: ".b_layernorm", with: ".B_layernorm")
              .replacingOccurrences(of: ".c_layernorm", with: ".C_layernorm"), tensor
          )
        })
    }
    #expect(try tensors(try convert(legacy, "legacy.jamba")) == expected)

    let fused = try variant("moe") { tensors, config in
      for layer in 0..<config["num_hidden_layers"]!.integer! {
        let prefix = "model.layers.\(layer).feed_forward.experts."
        guard let gate = tensors[prefix + "0.gate_proj.weight"] else { continue }
        let count = config["num_experts"]!.integer!
        var (gateUp, down): ([UInt8], [UInt8]) = ([], [])
        for expert in 0..<count {
          gateUp += tensors.removeValue(forKey: prefix + "\(expert).gate_proj.weight")!.bytes
          gateUp += tensors.removeValue(forKey: prefix + "\(expert).up_proj.weight")!.bytes
          down += tensors.removeValue(forKey: prefix + "\(expert).down_proj.weight")!.bytes
        }
        let (rows, columns) = (gate.shape[0], gate.shape[1])
        tensors[prefix + "gate_up_proj"] = .init(type: gate.type, shape: [count, 2 * rows, columns], bytes: gateUp)
        tensors[prefix + "down_proj"] = .init(type: gate.type, shape: [count, columns, rows], bytes: down)
      }
    }
    #expect(try tensors(try convert(fused, "fused.jamba")) == expected)

    let bare = try variant("moe") { tensors, _ in
      tensors = Dictionary(
        uniqueKeysWithValues: tensors.map { ($0.hasPrefix("model.") ? String($0.dropFirst(6)) : $0, $1) })
    }
    #expect(try tensors(try convert(bare, "bare.jamba")) == expected)
  }

  @Test func aTiedCheckpointMayStoreItsHead() throws {
    let expected = try tensors(try convert(Fixtures.checkpoint("dense"), "tied.jamba"))
    let stored = try variant("dense") { tensors, _ in
      tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    }
    #expect(try tensors(try convert(stored, "stored.jamba")) == expected)
  }

  @Test func anInterruptedConversionContinues() throws {
    let whole = try convert(Fixtures.checkpoint("demo"), "whole.jamba", recipe: .balanced, resumes: true)
    for share in [0.1, 0.5, 0.9] {
      #expect(throws: ConversionError.self) {
        try convert(Fixtures.checkpoint("demo"), "resumed.jamba", recipe: .balanced, resumes: true) {
          Double($0) < share * Double($1)
        }
      }
      #expect(FileSystem.exists(folder.file("resumed.jamba.partial")))
    }
    #expect(throws: ConversionError.self) {
      try convert(Fixtures.checkpoint("demo"), "resumed.jamba", recipe: .small, resumes: true)
    }
    let resumed = try convert(Fixtures.checkpoint("demo"), "resumed.jamba", recipe: .balanced, resumes: true)
    #expect(try bytes(of: whole) == bytes(of: resumed))
  }

  @Test func aStoppedConversionLeavesNothing() throws {
    #expect(throws: ConversionError.self) {
      try convert(Fixtures.checkpoint("moe"), "stopped.jamba") { done, _ in done < 1000 }
    }
    #expect(!FileSystem.exists(folder.file("stopped.jamba")))
    #expect(!FileSystem.exists(folder.file("stopped.jamba.partial")))
  }

  @Test func tensorFaultsAreNamedTogether() throws {
    let broken = try variant("moe") { tensors, _ in
      tensors["model.layers.0.mamba.D"] = nil
      tensors["model.layers.1.extra.weight"] = tensors["model.final_layernorm.weight"]
      tensors["model.final_layernorm.weight"]!.shape = [32, 2]
      tensors["model.layers.0.mamba.dt_proj.bias"]!.type = "I16"
    }
    let thrown = #expect(throws: ConversionError.self) { try convert(broken, "broken.jamba") }
    let error = try #require(thrown)
    for part in [
      "layers.0.mamba.D is missing", "layers.1.extra.weight is not part", "final_layernorm.weight has shape [32, 2]",
      "dt_proj.bias has type I16",
    ] {
      #expect(error.description.contains(part))
    }
  }

  @Test func notANumberIsNamed() throws {
    for name in ["model.layers.0.mamba.in_proj.weight", "model.layers.0.mamba.D"] {
      let broken = try variant("moe") { tensors, _ in
        tensors[name]!.bytes[10] = 0xC0
        tensors[name]!.bytes[11] = 0x7F  // bf16 NaN
      }
      let thrown = #expect(throws: ConversionError.self) { try convert(broken, "nan.jamba", recipe: .balanced) }
      let error = try #require(thrown)
      #expect(error.description.contains(name))
    }
  }
}
