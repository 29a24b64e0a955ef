import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// What is said of adapters, and how they come together. That the weights are right is seen by their logits (AdapterGoldenTests).
@Suite struct AdapterTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @discardableResult
  func convert(
    _ base: String, _ adapters: [AdapterSource], _ output: String = "out.jamba", resumes: Bool = false,
    progress: (Int, Int) -> Bool = { _, _ in true }
  ) throws -> ConversionSummary {
    try JambaConvert.convert(
      checkpoint: base, to: folder.file(output),
      options: ConversionOptions(
        recipe: .uniform(.f32), packing: .raw, threads: 2, adapters: adapters, resumes: resumes),
      tool: "test", progress: progress)
  }

  func message(_ base: String, _ adapters: [String]) throws -> String {
    let error = try #require(
      #expect(throws: ConversionError.self) {
        try convert(base, adapters.map { AdapterSource(path: $0) }, "refused.jamba")
      })
    for end in ["", ".partial"] { #expect(!FileSystem.exists(folder.file("refused.jamba" + end))) }
    #expect(!error.description.contains("\n"))
    return error.description
  }

  /// A copy of an adapter whose settings and tensors may be changed.
  func copy(
    _ name: String, to other: String = "adapter", settings: (inout JSONObject) -> Void = { _ in },
    tensors: (inout [String: TensorFile.Tensor]) -> Void = { _ in }
  ) throws -> String {
    let path = folder.file(other)
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: Fixtures.adapter(name), toPath: path)
    var json = try #require(JSON.parse(bytes(of: path + "/adapter_config.json")).object)
    settings(&json)
    try write(Array(JSON.object(json).text().utf8), to: path + "/adapter_config.json")
    let weights = path + (name.hasPrefix("mlx") ? "/adapters.safetensors" : "/adapter_model.safetensors")
    var file = try TensorFile(weights)
    tensors(&file.tensors)
    try file.save(to: weights)
    return path
  }

  func tensors(_ output: String = "out.jamba") throws -> [String: [Float]] {
    let file = try JambaFile(path: folder.file(output))
    var all: [String: [Float]] = [:]
    for entry in file.directory.entries where entry.type != .document {
      all[entry.name] = try file.contents(of: entry).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
    return all
  }

  func distance(_ a: [String: [Float]], _ b: [String: [Float]]) throws -> Float {
    #expect(a.keys.sorted() == b.keys.sorted())
    return try a.map { name, values in
      zip(values, try #require(b[name])).map { abs($0 - $1) }.max() ?? 0
    }.max() ?? 0
  }

  @Test func scalesMultiplyChanges() throws {
    let (base, lora) = (Fixtures.checkpoint("moe"), Fixtures.adapter("lora"))
    try convert(base, [], "base.jamba")
    try convert(base, [AdapterSource(path: lora)])
    let (plain, once) = (try tensors("base.jamba"), try tensors())
    for scale in [0, 0.25, -2] as [Double] {
      try convert(base, [AdapterSource(path: lora, scale: scale)])
      let found = try tensors()
      for (name, values) in found {
        let (before, after) = (try #require(plain[name]), try #require(once[name]))
        for index in values.indices {
          #expect(abs(values[index] - (before[index] + Float(scale) * (after[index] - before[index]))) < 1e-5)
        }
      }
    }
    // An adapter of an adapted checkpoint is added to it.
    try convert(
      base,
      [AdapterSource(path: lora, scale: 0.5), AdapterSource(path: lora + "/adapter_model.safetensors", scale: 0.5)])
    #expect(try distance(tensors(), once) < 1e-6)
    let error = try #require(
      #expect(throws: ConversionError.self) { try convert(base, [AdapterSource(path: lora, scale: .nan)]) })
    #expect(error.description.contains("scale"))
  }

  /// Saved modules are taken as they are; what comes later changes what came before.
  @Test func wholeTensorsTakeThePlaceOfTheOthers() throws {
    let (saved, full) = (Fixtures.adapter("saved"), Fixtures.adapter("mlx-full"))
    let base = Fixtures.checkpoint("moe")
    let summary = try convert(base, [AdapterSource(path: saved, scale: 0.5)])
    #expect(summary.notes.contains { $0.contains("as they are, whatever the scale") })
    let expected = try TensorFile(saved + "/adapter_model.safetensors")
    let norm = "model.final_layernorm.weight"
    #expect(try tensors()[norm] == expected.floats("base_model.model." + norm))
    try convert(base, [AdapterSource(path: full), AdapterSource(path: saved)])
    #expect(try tensors()[norm] == expected.floats("base_model.model." + norm))
    try convert(base, [AdapterSource(path: saved), AdapterSource(path: full)])
    #expect(try tensors()[norm] == TensorFile(full + "/adapters.safetensors").floats(norm))
  }

  @Test func aSavedHeadIsNoEmbeddingAnyMore() throws {
    let adapters = [AdapterSource(path: Fixtures.adapter("saved-head"))]
    let base = Fixtures.checkpoint("dense")
    let summary = try convert(base, adapters)
    #expect(summary.notes.contains { $0.contains("head is not the embedding any more") })
    let file = try JambaFile(path: folder.file("out.jamba"))
    #expect(try file.json(DocumentName.configuration)?["tie_word_embeddings"]?.bool == false)
    let report = try verify(folder.file("out.jamba"), against: base, adapters: adapters, threads: 2) { _, _ in true }
    #expect(report.tensors.allSatisfy { $0.relativeError == 0 })
    // Both, and the same: they stay one.
    try convert(Fixtures.checkpoint("odd"), [AdapterSource(path: Fixtures.adapter("saved-tied"))])
    #expect(try tensors()["lm_head.weight"] == nil)
  }

  @Test(arguments: ["tied", "tied-head"]) func onePartOfATiedMatrixIsChangedAlone(adapter: String) throws {
    let summary = try convert(Fixtures.checkpoint("odd"), [AdapterSource(path: Fixtures.adapter(adapter))])
    #expect(summary.notes.contains { $0.contains("head is not the embedding any more") })
    let changed = try tensors()
    try convert(Fixtures.checkpoint("odd"), [])
    let before = try #require(try tensors()["model.embed_tokens.weight"])
    #expect((changed["model.embed_tokens.weight"] == before) == (adapter == "tied-head"))
    #expect((changed["lm_head.weight"] == before) == (adapter == "tied"))
  }

  @Test func provenanceNamesThem() throws {
    let base = Fixtures.checkpoint("moe")
    let adapters = [
      AdapterSource(path: Fixtures.adapter("lora"), scale: 0.75),
      AdapterSource(path: Fixtures.adapter("lora-experts.gguf")),
    ]
    try convert(base, adapters)
    let path = folder.file("out.jamba")
    let named = try #require(try JambaFile(path: path).json(DocumentName.provenance)?["adapters"]?.array)
    #expect(named.map { $0["adapter"]?.string } == ["lora", "lora-experts.gguf"])
    #expect(named.map { $0["scale"]?.double } == [0.75, 1])
    #expect(named.map { $0["kind"]?.string } == ["PEFT LoRA", "GGUF LoRA"])
    let file = try bytes(of: Fixtures.adapter("lora") + "/adapter_model.safetensors")
    #expect(named[0]["crc32c"]?.integer == Int(checksum(of: file)) && named[0]["bytes"]?.integer == file.count)
    let report = try verify(path, against: base, adapters: adapters, threads: 2) { _, _ in true }
    #expect(report.tensors.allSatisfy { $0.relativeError == 0 })
    // Without them, or at another scale, it is another model.
    for others in [[], [adapters[0]], [AdapterSource(path: adapters[0].path), adapters[1]]] {
      #expect(throws: ConversionError.self) {
        try verify(path, against: base, adapters: others, threads: 2) { _, _ in true }
      }
    }
    try convert(base, [])
    #expect(try JambaFile(path: path).json(DocumentName.provenance)?["adapters"] == nil)
  }

  @Test func anotherAdapterIsNotContinuedWith() throws {
    let base = Fixtures.checkpoint("moe")
    let adapter = try copy("lora")
    func start() throws {
      try? FileManager.default.removeItem(atPath: folder.file("out.jamba.partial"))
      #expect(throws: ConversionError.self) {
        try convert(base, [AdapterSource(path: adapter)], resumes: true) { done, total in 2 * done < total }
      }
      #expect(FileSystem.exists(folder.file("out.jamba.partial")))
    }
    func refused(_ adapters: [AdapterSource]) throws {
      let error = try #require(#expect(throws: ConversionError.self) { try convert(base, adapters, resumes: true) })
      #expect(error.description.contains("another checkpoint"))
    }
    try start()
    try refused([])
    try refused([AdapterSource(path: adapter, scale: 0.5)])
    _ = try copy("lora") { $0["lora_alpha"] = .integer(6) }
    try refused([AdapterSource(path: adapter)])
    _ = try copy("lora", tensors: { $0[$0.keys.sorted()[0]]!.bytes[0] ^= 1 })
    try refused([AdapterSource(path: adapter)])
    _ = try copy("lora")
    try convert(base, [AdapterSource(path: adapter)], resumes: true)
  }

  /// As transformers has it: what lies beside the weights is applied to them.
  @Test func anAdapterBesideTheWeightsIsMerged() throws {
    let path = folder.file("model")
    try FileManager.default.copyItem(atPath: Fixtures.checkpoint("odd"), toPath: path)
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
      try FileManager.default.copyItem(atPath: Fixtures.adapter("dora-odd") + "/" + name, toPath: path + "/" + name)
    }
    let summary = try convert(path, [])
    #expect(summary.notes.contains { $0.contains("beside the weights") })
    let merged = try tensors()
    try convert(Fixtures.checkpoint("odd"), [AdapterSource(path: Fixtures.adapter("dora-odd"))])
    #expect(try tensors() == merged)
    // Given besides, it counts once, at the scale that is given.
    try convert(path, [AdapterSource(path: path + "/", scale: 0)])
    #expect(try tensors() != merged)
    try FileManager.default.removeItem(atPath: path + "/adapter_model.safetensors")
    #expect(try message(path, []).contains("no adapter_model.safetensors"))
    try write(Array(#"{"fine_tune_type": "lora"}"#.utf8), to: path + "/adapter_config.json")
    #expect(try message(path, []).contains("not as transformers has it"))
  }

  @Test func anAdapterLeadsToItsBase() throws {
    let path = try copy("lora") { $0["base_model_name_or_path"] = .string(Fixtures.checkpoint("moe")) }
    try convert(path, [])
    let found = try tensors()
    try convert(Fixtures.checkpoint("moe"), [AdapterSource(path: path)])
    #expect(try tensors() == found)
    #expect(try message(Fixtures.adapter("lora"), []).contains("give the base, and this folder with --adapter"))
    #expect(try message(Fixtures.adapter("lora.gguf"), []).contains("with --adapter"))
    try FileManager.default.copyItem(
      atPath: Fixtures.checkpoint("moe") + "/config.json", toPath: folder.file("adapter/config.json"))
    #expect(try message(path, []).contains("it holds an adapter: give its base"))
  }

  @Test func aTokenizerBesideItIsTold() throws {
    let path = try copy("lora")
    #expect(
      try !convert(Fixtures.checkpoint("moe"), [AdapterSource(path: path)]).notes.contains { $0.contains("not taken") })
    try write(Array("{}".utf8), to: path + "/chat_template.jinja")
    #expect(
      try convert(Fixtures.checkpoint("moe"), [AdapterSource(path: path)]).notes.contains { $0.contains("not taken") })
    // Not where it is the checkpoint's.
    let base = folder.file("base")
    try FileManager.default.copyItem(atPath: Fixtures.checkpoint("moe"), toPath: base)
    try write(Array("{}".utf8), to: base + "/chat_template.jinja")
    #expect(try !convert(base, [AdapterSource(path: path)]).notes.contains { $0.contains("not taken") })
  }

  // MARK: - What is refused

  @Test(arguments: [
    "LOHA", "LOKR", "IA3", "VERA", "ADALORA", "PROMPT_TUNING", "PREFIX_TUNING", "OFT", "XLORA", "TRAINABLE_TOKENS",
  ])
  func otherMethods(method: String) throws {
    let path = try copy("lora") { $0["peft_type"] = .string(method) }
    #expect(try message(Fixtures.checkpoint("moe"), [path]).contains("method is \(method)"))
  }

  @Test(arguments: [
    ("layer_replication", "[[0, 4]]"), ("use_qalora", "true"), ("alora_invocation_tokens", "[1]"),
    ("lora_bias", "true"),
    ("kasa_config", #"{"a": 1}"#), ("init_lora_weights", #""pissa_niter_16""#), ("init_lora_weights", #""loftq""#),
    ("bias", #""some""#), ("rank_pattern", #"{"a(?=b)": 1}"#), ("rank_pattern", #"{"q_proj": "x"}"#),
    ("alpha_pattern", #"{"(": 1}"#), ("alpha_pattern", "[1]"), ("r", "0"), ("lora_alpha", #""x""#),
    ("use_magic", "true"), ("magic_config", #"{"x": 1}"#), ("trainable_token_indices", "[1, 1]"),
    ("trainable_token_indices", #"{"embed_tokens": 3}"#),
  ])
  func settings(key: String, value: String) throws {
    let value = try JSON.parse(value)
    let path = try copy("lora") { $0[key] = value }
    let name = key == "r" ? "its r is" : key
    #expect(try message(Fixtures.checkpoint("moe"), [path]).contains(name))
  }

  @Test func settingsThatAreNotKnownAreTold() throws {
    let path = try copy("lora") {
      $0["trainer_name"] = .string("x")
      $0["use_later"] = .bool(false)
    }
    #expect(
      try convert(Fixtures.checkpoint("moe"), [AdapterSource(path: path)]).notes.contains {
        $0.contains("sets trainer_name")
      })
  }

  @Test func tensorsThatDoNotFit() throws {
    let base = Fixtures.checkpoint("moe")
    let q = "base_model.model.model.layers.4.self_attn.q_proj."
    func refused(_ change: (inout [String: TensorFile.Tensor]) -> Void) throws -> String {
      try message(base, [copy("lora", tensors: change)])
    }
    #expect(try message(Fixtures.checkpoint("dense"), [Fixtures.adapter("lora")]).contains("does not fit the model"))
    #expect(
      try refused { $0["base_model.model.score.weight"] = $0[q + "lora_A.weight"] }.contains(
        "score.weight is no tensor"))
    #expect(try refused { $0[q + "lora_B.bias"] = $0[q + "lora_A.weight"] }.contains("lora_B.bias is no tensor"))
    #expect(try refused { $0[q + "lora_A.weight"] = nil }.contains("lora_A of \(q.dropLast()) is missing"))
    #expect(try refused { $0[q + "lora_magnitude_vector"] = $0[q + "lora_A.weight"] }.contains("use_dora is not set"))
    #expect(
      try refused {
        for part in ["lora_A.weight", "lora_B.weight"] {
          $0["base_model.model.model.layers.4.self_attn.w_proj." + part] = $0[q + part]
        }
      }.contains("w_proj is no matrix of the model"))
    #expect(try refused { $0[q + "lora_A.weight"]!.shape = [64, 3] }.contains("do not fit [64, 64]"))
    #expect(try refused { $0[q + "lora_A.weight"]!.shape = [3, 8, 8] }.contains("have shapes"))
    #expect(try refused { $0[q + "lora_A.weight"]!.type = "I32" }.contains("type I32, which is not read"))
    #expect(
      try refused {
        $0[q + "lora_A.weight"] = .init(type: "F32", shape: [0, 64], bytes: [])
      }.contains("is empty"))
    #expect(
      try refused {
        $0[q + "lora_A.weight"]!.bytes.replaceSubrange(0..<4, with: [0, 0, 0xC0, 0x7F])
      }.contains("an infinity or a not-a-number"))
    #expect(try refused { $0 = [:] }.contains("holds no tensors"))
    for (rank, words) in [(65_536, "has rank 65536 where"), (65_537, "is 65537, more than 65536")] {
      let large = try copy(
        "lora",
        tensors: { tensors in
          let zeros = [UInt8](repeating: 0, count: 4 * 64 * rank)
          tensors[q + "lora_A.weight"] = .init(type: "F32", shape: [rank, 64], bytes: zeros)
          tensors[q + "lora_B.weight"] = .init(type: "F32", shape: [64, rank], bytes: zeros)
        })
      #expect(try message(base, [large]).contains(words))
    }
    // The rank is what the settings say.
    let path = try copy("lora") { $0["r"] = .integer(4) }
    #expect(try message(base, [path]).contains("has rank 3 where adapter_config.json says 4"))
    for (indices, words) in [
      (#"{"embed_tokens": [3, 4]}"#, "does not name"), (#"{"embed_tokens": [3], "lm_head": [1, 2]}"#, "not rows of 1"),
      (#"{"embed_tokens": [3, 256], "lm_head": [1, 2]}"#, "not rows of 2"),
    ] {
      let value = try JSON.parse(indices)
      let path = try copy("tokens") { $0["trainable_token_indices"] = value }
      #expect(try message(Fixtures.checkpoint("long"), [path]).contains(words))
    }
    let doubled = try copy("dora", tensors: { $0 = $0.filter { !$0.key.contains("q_proj.lora_magnitude") } })
    #expect(try message(Fixtures.checkpoint("long"), [doubled]).contains("lora_magnitude_vector of"))
  }

  /// Names as tools save them in memory, or around the model.
  @Test func otherSpellingsOfNames() throws {
    let base = Fixtures.checkpoint("moe")
    try convert(base, [AdapterSource(path: Fixtures.adapter("lora"))])
    let expected = try tensors()
    for (old, new) in [
      ("base_model.model.", ""), ("base_model.model.model.", "base_model.model."), (".weight", ".default.weight"),
      ("base_model.model.", "base_model.model.module."),
    ] {
      let path = try copy(
        "lora",
        tensors: { tensors in
          tensors = Dictionary(uniqueKeysWithValues: tensors.map { ($0.replacing(old, with: new), $1) })
        })
      try convert(base, [AdapterSource(path: path)])
      #expect(try tensors() == expected, "\(old) as \(new)")
    }
  }

  @Test func pickledFilesAreNamedWithTheirConversion() throws {
    let path = try copy("lora")
    try FileManager.default.moveItem(atPath: path + "/adapter_model.safetensors", toPath: path + "/adapter_model.bin")
    for given in [path, path + "/adapter_model.bin"] {
      let message = try message(Fixtures.checkpoint("moe"), [given])
      #expect(message.contains("torch.load('adapter_model.bin'") && message.contains("'adapter_model.safetensors')"))
    }
    let other = try copy("mlx-lora")
    try FileManager.default.moveItem(atPath: other + "/adapters.safetensors", toPath: other + "/adapters.npz")
    #expect(try message(Fixtures.checkpoint("moe"), [other]).contains("numpy.load('adapters.npz')"))
  }

  @Test func whatIsNoAdapter() throws {
    let base = Fixtures.checkpoint("moe")
    #expect(try message(base, [folder.file("absent")]).contains("no such file or folder"))
    #expect(try message(base, [Fixtures.checkpoint("odd")]).contains("no adapter_config.json"))
    #expect(try message(base, [Fixtures.gguf("odd-F16.gguf")]).contains("type model, not an adapter"))
    #expect(try message(base, [Fixtures.stories]).contains("neither a safetensors file nor a GGUF file"))
    let path = try copy("lora")
    for (text, words) in [("{", "damaged"), ("[]", "damaged"), ("{}", "neither PEFT's peft_type")] {
      try write(Array(text.utf8), to: path + "/adapter_config.json")
      #expect(try message(base, [path]).contains(words))
    }
    let mlx = try copy("mlx-lora") { $0["fine_tune_type"] = .string("magic") }
    #expect(try message(base, [mlx]).contains("fine_tune_type is magic"))
    let unscaled = try copy("mlx-lora") { $0["lora_parameters"] = .object([:]) }
    #expect(try message(base, [unscaled]).contains("no scale"))
    let mixed = try copy("mlx-dora") { $0["fine_tune_type"] = .string("lora") }
    #expect(try message(base, [mixed]).contains("has an m"))
  }
}
