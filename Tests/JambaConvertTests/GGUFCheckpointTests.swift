import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import JambaText
import TestSupport
import Testing

/// Models in GGUF against the checkpoints that they were made of.
@Suite struct GGUFCheckpointTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func convert(
    _ path: String, _ name: String, recipe: Recipe = .uniform(.f32), tokenizer: String? = nil
  ) throws -> (path: String, summary: ConversionSummary) {
    let output = folder.file(name)
    let summary = try JambaConvert.convert(
      checkpoint: path, to: output,
      options: ConversionOptions(recipe: recipe, packing: .raw, threads: 2, tokenizer: tokenizer), tool: "test",
      progress: { _, _ in true })
    return (output, summary)
  }

  /// Types and contents of all tensors by name.
  func tensors(_ path: String) throws -> [String: [UInt8]] {
    let file = try JambaFile(path: path)
    var all: [String: [UInt8]] = [:]
    for entry in file.directory.entries where entry.type != .document {
      all["\(entry.name) \(entry.type)"] = try file.contents(of: entry)
    }
    return all
  }

  @Test(arguments: [("moe-F32-00001-of-00003.gguf", "moe"), ("dense-BF16.gguf", "dense")])
  func floatsGiveTheSameTensors(name: String, source: String) throws {
    let (path, summary) = try convert(Fixtures.gguf(name), "gguf.jamba")
    #expect(try tensors(path) == tensors(convert(Fixtures.checkpoint(source), "plain.jamba").path))
    #expect(summary.sourceFormat == "gguf")
    let report = try verify(path, against: Fixtures.gguf(name), threads: 2) { _, _ in true }
    #expect(report.tensors.allSatisfy { $0.relativeError == 0 } && report.tensors.count == report.tensorCount)
    let provenance = try #require(try JambaFile(path: path).json(DocumentName.provenance))
    #expect(provenance["format"]?.string == "gguf" && provenance["quantization"]?.isNull == true)
  }

  @Test func aPartAmongOthersIsNamedInTheProvenance() throws {
    let (path, _) = try convert(Fixtures.gguf("moe-F32-00001-of-00003.gguf"), "m.jamba")
    let sources = try #require(JambaFile(path: path).json(DocumentName.provenance)?["sources"]?.array)
    let names = sources.map { $0["file"]?.string }
    #expect(names == (1...3).map { "moe-F32-0000\($0)-of-00003.gguf" })
    #expect(
      sources.map { $0["bytes"]?.integer }
        == (1...3).map { try? bytes(of: Fixtures.gguf("moe-F32-0000\($0)-of-00003.gguf")).count })
    #expect(sources.allSatisfy { $0["header_crc32c"]?.integer != nil })
  }

  @Test func quantizedNumbersAreThoseOfTheirTensors() throws {
    let gguf = Fixtures.gguf("moe-Q8_0.gguf")
    let (path, summary) = try convert(gguf, "q.jamba")
    #expect(
      summary.sourceTypes.first?.name == "Q8_0" && Set(summary.sourceTypes.map(\.name)) == ["Q8_0", "F16", "F32"])
    let file = try JambaFile(path: path)
    #expect(try file.json(DocumentName.provenance)?["quantization"]?.string == "Q8_0")
    let plain = try tensors(convert(Fixtures.checkpoint("moe"), "plain.jamba").path)
    for (name, found) in try tensors(path) {
      let expected = try #require(plain[name])
      let (a, b) = (floats(found), floats(expected))
      let difference = zip(a, b).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
      let power = b.reduce(0.0) { $0 + pow(Double($1), 2) }
      #expect((difference / power).squareRoot() < 0.01, "\(name)")
    }
    // int4 of it is within its error of the source, and not of another.
    let small = try convert(gguf, "small.jamba", recipe: .small).path
    _ = try verify(small, against: gguf, threads: 2) { _, _ in true }
    #expect(throws: ConversionError.self) {
      try verify(small, against: Fixtures.gguf("dense-BF16.gguf"), threads: 2) { _, _ in true }
    }
  }

  private func floats(_ bytes: [UInt8]) -> [Float] { bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) } }

  @Test func configurationAndDocumentsComeFromKeys() throws {
    let checkpoint = try GGUFCheckpoint(Fixtures.gguf("dense-BF16.gguf"))
    let plain = try openCheckpoint(Fixtures.checkpoint("dense")).configuration
    var found = checkpoint.configuration
    // The file's end, and those that are known by name.
    #expect(found.eosTokenIDs == [2, 4, 5])
    found.eosTokenIDs = plain.eosTokenIDs
    #expect(found == plain)
    let path = try convert(checkpoint.path, "m.jamba").path
    let file = try JambaFile(path: path)
    #expect(try file.configuration().get() == checkpoint.configuration)
    let template = try #require(try file.document(DocumentName.chatTemplate))
    #expect(String(decoding: template, as: UTF8.self).hasPrefix("{{ bos_token }}{% for m in messages %}"))

    let vocabulary = try #require(checkpoint.vocabulary)
    #expect(vocabulary.model == "llama" && vocabulary.tokens.count == 384 && vocabulary.tokens[262] == "▁piece0")
    #expect(vocabulary.scores[300] == -38 && vocabulary.kinds[3] == .unknown && vocabulary.kinds[6] == .byte)
    #expect(vocabulary.addsBOS == true && vocabulary.addsSpacePrefix == false && vocabulary.addsEOS == nil)
    #expect(vocabulary.text(vocabulary.bos) == "<|startoftext|>" && vocabulary.unknown == 3 && vocabulary.padding == 0)
  }

  /// A model without tokens, whose mixtures and attention layers fit several periods.
  @Test func layersComeFromTensors() throws {
    for (name, source) in [("moe-F32-00001-of-00003.gguf", "moe"), ("odd-F16.gguf", "odd")] {
      let (found, plain) = (
        try openCheckpoint(Fixtures.gguf(name)).configuration,
        try openCheckpoint(Fixtures.checkpoint(source)).configuration
      )
      for layer in 0..<plain.numHiddenLayers {
        #expect(found.mixer(ofLayer: layer) == plain.mixer(ofLayer: layer))
        #expect(found.expertCount(ofLayer: layer) == plain.expertCount(ofLayer: layer))
      }
      #expect(found.vocabSize == plain.vocabSize && found.mambaExpand == plain.mambaExpand)
      #expect(found.mambaConvBias == plain.mambaConvBias && found.mambaProjBias == plain.mambaProjBias)
      #expect(found.tieWordEmbeddings == plain.tieWordEmbeddings && found.rmsNormEps == plain.rmsNormEps)
    }
  }

  /// A head that is the embedding, stored more finely, takes its place; one that is another matrix stays itself.
  @Test func aHeadBesideTheEmbeddingIsUsed() throws {
    let path = Fixtures.gguf("odd-F16.gguf")
    let name = "model.embed_tokens.weight f32"
    let found = try tensors(convert(path, "m.jamba").path)
    #expect(try found[name] == tensors(convert(Fixtures.checkpoint("odd"), "plain.jamba").path)[name])
    #expect(found["lm_head.weight f32"] == nil)

    var other = try bytes(of: path)
    let head = try #require(GGUFFile(path: path).tensors.first { $0.name == "output.weight" })
    for offset in stride(from: head.range.lowerBound + 3, to: head.range.upperBound, by: 8) { other[offset] ^= 0x80 }
    try write(other, to: folder.file("untied.gguf"))
    let second = try convert(folder.file("untied.gguf"), "untied.jamba").path
    let untied = try tensors(second)
    #expect(
      untied["lm_head.weight f32"] != nil && untied["lm_head.weight f32"] != found[name] && untied[name] != found[name])
    let report = try verify(second, against: folder.file("untied.gguf"), threads: 2) { _, _ in true }
    #expect(report.tensors.allSatisfy { $0.relativeError == 0 })
  }

  @Test func rowsAreReadAlone() throws {
    let checkpoint = try openCheckpoint(Fixtures.gguf("moe-Q8_0.gguf"))
    let tensor = try #require(checkpoint.tensors.first { $0.name == "blk.1.ffn_down_exps.weight" })
    #expect(tensor.shape == [4, 64, 96])
    func rows(_ range: Range<Int>) throws -> [Float] {
      var values = [Float](repeating: .nan, count: range.count * tensor.columns)
      try values.withUnsafeMutableBufferPointer { try checkpoint.read(range, of: tensor, into: $0) }
      return values
    }
    let all = try rows(0..<256)
    for range in [0..<1, 63..<65, 255..<256] {
      #expect(try rows(range) == Array(all[range.lowerBound * 96..<range.upperBound * 96]))
    }
  }

  /// Templates with names beside the default one: that for tools is chosen by the runtime, others are named.
  @Test func severalChatTemplates() throws {
    func text(_ value: String) -> [UInt8] { number(UInt64(value.utf8.count)) + Array(value.utf8) }
    func number(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    func key(_ name: String, _ type: UInt32, _ value: [UInt8]) -> [UInt8] { text(name) + number(type) + value }
    let template = "{{ tools }}"
    var keys =
      key("tokenizer.chat_templates", 9, number(UInt32(8)) + number(UInt64(2)) + text("tool_use") + text("rag"))
      + key("tokenizer.chat_template.tool_use", 8, text(template))
    // The tensors' bytes stay aligned.
    let rest = key("tokenizer.chat_template.rag", 8, text("")).count
    keys += key("tokenizer.chat_template.rag", 8, text(String(repeating: "a", count: 32 - (keys.count + rest) % 32)))
    var file = try bytes(of: Fixtures.gguf("dense-BF16.gguf"))
    file[16] += 3
    file.insert(contentsOf: keys, at: 24)
    try write(file, to: folder.file("several.gguf"))
    let (path, summary) = try convert(folder.file("several.gguf"), "m.jamba")
    let jamba = try JambaFile(path: path)
    let standard = try #require(try jamba.document(DocumentName.chatTemplate))
    #expect(String(decoding: standard, as: UTF8.self).hasPrefix("{{ bos_token }}"))
    let named = try #require(try jamba.json(DocumentName.tokenizerConfiguration)?["chat_template"]?.array)
    #expect(named.map { $0["name"]?.string } == ["tool_use", "rag"] && named[0]["template"]?.string == template)
    #expect(summary.notes.contains { $0.contains("rag is not used") })
  }

  @Test func anotherTokenizerIsTaken() throws {
    let gguf = Fixtures.gguf("dense-BF16.gguf")
    let (without, summary) = try convert(gguf, "without.jamba")
    let own = try JambaFile(path: without)
    #expect(try own.document(DocumentName.tokenizer) == nil && summary.notes.isEmpty)
    // The file's pieces, scores and types, as sentencepiece has them.
    let model = try SentencePieceModel(try #require(try own.document(DocumentName.sentencePiece)))
    let vocabulary = try #require(try GGUFCheckpoint(gguf).vocabulary)
    #expect(model.pieces.map(\.text) == vocabulary.tokens && model.pieces.map(\.score) == vocabulary.scores)
    #expect(model.pieces.map(\.type.rawValue) == vocabulary.kinds.map(\.rawValue) && !model.addsDummyPrefix)
    let tokenizer = try Tokenizer(
      sentencePiece: model, configuration: try own.json(DocumentName.tokenizerConfiguration))
    // No piece is a letter, so that letters are bytes, of which the first is token 6; a text begins with token 1.
    #expect(tokenizer.encode("ab<|eom|>", parseSpecialTokens: true) == [1, 6 + 0x61, 6 + 0x62, 4])

    let demo = Fixtures.checkpoint("demo")
    let (with, other) = try convert(gguf, "with.jamba", tokenizer: demo)
    #expect(other.notes.isEmpty)
    let file = try JambaFile(path: with)
    #expect(try file.document(DocumentName.tokenizer) == bytes(of: demo + "/tokenizer.json"))
    #expect(try file.document(DocumentName.tokenizerConfiguration) == bytes(of: demo + "/tokenizer_config.json"))
    let template = try file.document(DocumentName.chatTemplate).map { String(decoding: $0, as: UTF8.self) }
    #expect(template?.hasPrefix("{{- bos_token }}") == true)

    let (alone, _) = try convert(gguf, "alone.jamba", tokenizer: demo + "/tokenizer.json")
    #expect(try JambaFile(path: alone).document(DocumentName.tokenizer) == bytes(of: demo + "/tokenizer.json"))
    #expect(try JambaFile(path: alone).document(DocumentName.tokenizerConfiguration) == nil)

    for wrong in [Fixtures.checkpoint("dense"), demo + "/config.json", demo + "/absent.json", demo + "/README.md"] {
      let error = try #require(
        #expect(throws: ConversionError.self) { try convert(gguf, "wrong.jamba", tokenizer: wrong) })
      #expect(error.description.contains(wrong))
      #expect(!FileSystem.exists(folder.file("wrong.jamba")) && !FileSystem.exists(folder.file("wrong.jamba.partial")))
    }
  }
}
