import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Ways in which tools write what transformers loads: each gives the tensors of the plain checkpoint, or is refused by name.
@Suite struct CheckpointKindTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A copy of a fixture that may be changed.
  func copy(_ fixture: String, to name: String = "checkpoint") throws -> String {
    let path = folder.file(name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: Fixtures.checkpoint(fixture), toPath: path)
    return path
  }

  func change(_ path: String, _ body: (inout [String: TensorFile.Tensor]) throws -> Void) throws {
    var file = try TensorFile.checkpoint(path)
    try body(&file.tensors)
    for name in try FileManager.default.contentsOfDirectory(atPath: path) where name.contains(".safetensors") {
      try FileManager.default.removeItem(atPath: path + "/" + name)
    }
    try file.save(to: path + "/model.safetensors")
  }

  func configure(_ path: String, _ body: (inout JSONObject) -> Void) throws {
    var config = try JSON.parse(bytes(of: path + "/config.json")).object!
    body(&config)
    try write(Array(JSON.object(config).text().utf8), to: path + "/config.json")
  }

  @discardableResult
  func convert(
    _ path: String, _ output: String = "out.jamba", resumes: Bool = false,
    progress: (Int, Int) -> Bool = { _, _ in true }
  ) throws -> ConversionSummary {
    try JambaConvert.convert(
      checkpoint: path, to: folder.file(output),
      options: ConversionOptions(recipe: .uniform(.f32), packing: .raw, threads: 2, resumes: resumes), tool: "test",
      progress: progress)
  }

  func message(_ path: String) throws -> String {
    let error = try #require(#expect(throws: ConversionError.self) { try convert(path, "refused.jamba") })
    #expect(!FileSystem.exists(folder.file("refused.jamba")) && !error.description.contains("\n"))
    return error.description
  }

  func tensors(_ output: String = "out.jamba") throws -> [String: [UInt8]] {
    let file = try JambaFile(path: folder.file(output))
    var all: [String: [UInt8]] = [:]
    for entry in file.directory.entries where entry.type != .document {
      all["\(entry.name) \(entry.type) \(entry.shape)"] = try file.contents(of: entry)
    }
    return all
  }

  func expectTensors(of path: String, toBeThoseOf fixture: String) throws {
    try convert(Fixtures.checkpoint(fixture), "plain.jamba")
    try convert(path)
    #expect(try tensors() == tensors("plain.jamba"))
    _ = try verify(folder.file("out.jamba"), against: path, threads: 2) { _, _ in true }
  }

  @Test func weightsUnderAnotherNameAreFound() throws {
    let path = try copy("odd")
    try convert(path, "plain.jamba")
    try FileManager.default.moveItem(
      atPath: path + "/model.safetensors", toPath: path + "/gptq_model-4bit-128g.safetensors")
    try convert(path)
    #expect(try tensors() == tensors("plain.jamba"))
    // Of two, it is not clear which is meant.
    try FileManager.default.copyItem(
      atPath: path + "/gptq_model-4bit-128g.safetensors", toPath: path + "/other.safetensors")
    #expect(try message(path).contains("neither model.safetensors"))
  }

  @Test(arguments: ["module.", "_orig_mod.", "base_model.model."]) func prefixes(_ prefix: String) throws {
    let path = try copy("moe")
    try change(path) { tensors in
      tensors = Dictionary(uniqueKeysWithValues: tensors.map { (prefix + $0, $1) })
    }
    try expectTensors(of: path, toBeThoseOf: "moe")
    try change(path) { tensors in
      tensors = Dictionary(
        uniqueKeysWithValues: tensors.map { ($0.replacing("model.", with: "", maxReplacements: 1), $1) })
    }
    if prefix == "module." { try expectTensors(of: path, toBeThoseOf: "moe") }
  }

  @Test func doublePrecision() throws {
    let path = try copy("odd")
    try change(path) { tensors in
      for (name, tensor) in tensors where tensor.type == "F32" {
        let floats = tensor.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        let doubles = floats.map { Double($0) + Double($0) * 1e-9 }  // rounds to the same number
        tensors[name]!.type = "F64"
        tensors[name]!.bytes = doubles.withUnsafeBytes { Array($0) }
      }
    }
    try expectTensors(of: path, toBeThoseOf: "odd")
  }

  @Test func aStaleIndexIsPassedOver() throws {
    let path = try copy("odd")
    try write(
      Array(#"{"weight_map": {"a": "model-00001-of-00002.safetensors"}}"#.utf8),
      to: path + "/model.safetensors.index.json")
    try expectTensors(of: path, toBeThoseOf: "odd")
  }

  @Test func onlyTheHeadIsStored() throws {
    let path = try copy("dense")
    try change(path) { tensors in
      tensors["lm_head.weight"] = tensors.removeValue(forKey: "model.embed_tokens.weight")
    }
    try expectTensors(of: path, toBeThoseOf: "dense")
  }

  /// transformers 5 ties weights of which one is stored. A head of its own stays what it is.
  @Test func aHeadOfItsOwnIsUsed() throws {
    let path = try copy("dense")
    try change(path) { tensors in
      var head = tensors["model.embed_tokens.weight"]!
      head.bytes[head.bytes.count - 1] ^= 0x80
      tensors["lm_head.weight"] = head
    }
    try convert(path)
    let file = try JambaFile(path: folder.file("out.jamba"))
    #expect(try file.json(DocumentName.configuration)?["tie_word_embeddings"]?.bool == false)
    let head = try file.contents(of: try #require(file.entry(named: "lm_head.weight")))
    let embedding = try file.contents(of: try #require(file.entry(named: "model.embed_tokens.weight")))
    #expect(head.count == embedding.count && head != embedding)
    _ = try verify(folder.file("out.jamba"), against: path, threads: 2) { _, _ in true }
  }

  @Test func layoutOfMLX() throws {
    let path = try copy("moe")
    let config = try JSON.parse(bytes(of: path + "/config.json"))
    let count = config["num_experts"]!.integer!
    try change(path) { tensors in
      for (name, tensor) in tensors where name.hasSuffix("conv1d.weight") {
        tensors[name]!.shape = [tensor.shape[0], tensor.shape[2], 1]
      }
      for layer in 0..<config["num_hidden_layers"]!.integer! {
        for part in ["gate", "up", "down"] {
          let place = "model.layers.\(layer).feed_forward."
          guard let first = tensors["\(place)experts.0.\(part)_proj.weight"] else { continue }
          var bytes: [UInt8] = []
          for expert in 0..<count {
            bytes += tensors.removeValue(forKey: "\(place)experts.\(expert).\(part)_proj.weight")!.bytes
          }
          tensors["\(place)switch_mlp.\(part)_proj.weight"] = .init(
            type: first.type, shape: [count] + first.shape, bytes: bytes)
        }
      }
    }
    try expectTensors(of: path, toBeThoseOf: "moe")
    try configure(path) { $0["quantization"] = .object(["bits": .integer(4), "group_size": .integer(64)]) }
    #expect(try convert(path).notes.contains { $0.contains("says that weights are quantized (mlx)") })
  }

  /// Python's json writes numbers that JSON lacks.
  @Test func notANumberInTheConfiguration() throws {
    let path = try copy("odd")
    let text = String(decoding: try bytes(of: path + "/config.json"), as: UTF8.self)
    try write(
      Array(("{\"time_step_limit\": [0.0, Infinity, -Infinity], \"x\": NaN," + text.dropFirst()).utf8),
      to: path + "/config.json")
    try expectTensors(of: path, toBeThoseOf: "odd")
    let file = try JambaFile(path: folder.file("out.jamba"))
    #expect(try file.json(DocumentName.configuration)?["x"]?.double?.isNaN == true)
    for word in ["Nan", "-Inf", "+Infinity", "Infinit"] {
      try write(Array(("{\"x\": \(word)," + text.dropFirst()).utf8), to: path + "/config.json")
      #expect(try message(path).contains("config.json"))
    }
  }

  @Test func whatIsNotReadIsNamed() throws {
    let path = try copy("odd")
    try write(Array("{}".utf8), to: path + "/adapter_config.json")
    #expect(try message(path).contains("adapter"))
    try FileManager.default.removeItem(atPath: path + "/adapter_config.json")
    try configure(path) {
      $0["quantization_config"] = .object([
        "quant_method": .string("compressed-tensors"), "format": .string("marlin-24"),
      ])
    }
    #expect(try message(path).contains("format marlin-24 of compressed-tensors is not read"))
  }

  /// A file whose tokenizer cannot be used would open for nothing.
  @Test func anUnusableTokenizerIsTold() throws {
    let path = try copy("odd")
    try write(Array(#"{"model": {"type": "Unigram", "vocab": [["a", -1.5]]}}"#.utf8), to: path + "/tokenizer.json")
    #expect(try message(path).contains("Unigram"))
    let sound = #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#
    try write(Array(sound.utf8), to: path + "/tokenizer.json")
    try convert(path)
    try write(Array(#"{"eos_token": "b"}"#.utf8), to: path + "/tokenizer_config.json")
    #expect(try message(path).contains("configuration.eos_token names \"b\""))
    try FileManager.default.removeItem(atPath: path + "/tokenizer_config.json")
    // A SentencePiece file counts where there is no other.
    try write(Array("nonsense".utf8), to: path + "/tokenizer.model")
    try convert(path)
    try FileManager.default.removeItem(atPath: path + "/tokenizer.json")
    #expect(try message(path).contains("SentencePiece"))
  }

  @Test func weightsThatChangedAreNotContinuedFrom() throws {
    let path = try copy("moe")
    #expect(throws: ConversionError.self) { try convert(path, resumes: true) { done, total in 2 * done < total } }
    #expect(FileSystem.exists(folder.file("out.jamba.partial")))
    let shard = path + "/model-00003-of-00004.safetensors"
    var changed = try bytes(of: shard)
    changed[changed.count - 1] ^= 1
    try write(changed, to: shard)
    let error = try #require(#expect(throws: ConversionError.self) { try convert(path, resumes: true) })
    #expect(error.description.contains("another checkpoint"))
  }

  @Test func foldersAboveTheCheckpoint() throws {
    _ = try copy("odd", to: "run/checkpoint-500")
    try convert(Fixtures.checkpoint("odd"), "plain.jamba")
    let summary = try convert(folder.file("run"))
    #expect(try tensors() == tensors("plain.jamba"))
    #expect(summary.notes.contains { $0.contains("checkpoint-500") })
    _ = try copy("odd", to: "run/checkpoint-1000")
    #expect(try message(folder.file("run")).contains("checkpoint-1000, checkpoint-500"))
    // A configuration without weights, above one with them.
    try FileManager.default.copyItem(
      atPath: Fixtures.checkpoint("odd") + "/config.json", toPath: folder.file("run/config.json"))
    #expect(try message(folder.file("run")).contains("there are weights in checkpoint-1000, checkpoint-500"))
  }

  @Test func folderOfTheHubCache() throws {
    _ = try copy("dense", to: "hub/models--org--name/snapshots/aaaa")
    let model = folder.file("hub/models--org--name")
    try convert(Fixtures.checkpoint("odd"), "odd.jamba")
    try convert(Fixtures.checkpoint("dense"), "dense.jamba")
    try convert(model)
    #expect(try tensors() == tensors("dense.jamba"))
    _ = try copy("odd", to: "hub/models--org--name/snapshots/bbbb")
    #expect(try message(model).contains("snapshots/aaaa, snapshots/bbbb"))
    try FileManager.default.createDirectory(atPath: model + "/refs", withIntermediateDirectories: true)
    try write(Array("bbbb\n".utf8), to: model + "/refs/main")
    try convert(model)
    #expect(try tensors() == tensors("odd.jamba"))
    try write(Array("../../../../outside".utf8), to: model + "/refs/main")
    #expect(try message(model).contains("snapshots/aaaa, snapshots/bbbb"))
  }

  @Test func namesThatAreNotThere() throws {
    let message = try message("no-such-organization/no-such-model")
    #expect(message.contains("hf download no-such-organization/no-such-model"))
    #expect(!(try self.message("no such organization/model").contains("hf download")))
    #expect(!(try self.message("../no-such-folder").contains("hf download")))
  }
}
