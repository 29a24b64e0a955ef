import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import JambaText
import TestSupport
import Testing

/// Tokenizers and chat templates that lie in several files of a folder, beside what transformers makes of them.
@Suite struct TokenizerFolderTests {
  let folder: TemporaryFolder
  private static let tokenizers = Fixtures.repository + "/Tests/TokenizerTests/Fixtures/"

  init() throws { folder = try TemporaryFolder() }

  func save(_ text: String, _ name: String) throws {
    let path = folder.file("checkpoint/" + name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try write(Array(text.utf8), to: path)
  }

  /// A model without a tokenizer, and the files of one beside it.
  func prepare(_ files: [(String, String)]) throws -> String {
    let path = folder.file("checkpoint")
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: Fixtures.checkpoint("odd"), toPath: path)
    for (name, text) in files { try save(text, name) }
    return path
  }

  private func convert(
    _ path: String, tokenizer: String? = nil
  ) throws -> (file: JambaFile, summary: ConversionSummary) {
    let output = folder.file("out.jamba")
    let summary = try JambaConvert.convert(
      checkpoint: path, to: output,
      options: ConversionOptions(recipe: .uniform(.bf16), packing: .raw, threads: 2, tokenizer: tokenizer),
      tool: "test",
      progress: { _, _ in true })
    return (try JambaFile(path: output), summary)
  }

  @Test func foldersAreReadAsTheReferenceDoes() throws {
    let json = try JSON.parse(bytes(of: Fixtures.repository + "/Tests/Fixtures/tokenizer-folders.json"))
    var base = try #require(JSON.parse(bytes(of: TokenizerFolderTests.tokenizers + "metaspace.tokenizer.json")).object)
    base["added_tokens"] = .array(
      try #require(base["added_tokens"]?.array).filter { ![4, 5, 7].contains($0["id"]?.integer) })
    let cases = try #require(json["cases"]?.array)
    #expect(cases.count > 15)
    for item in cases {
      let comment: Comment = "\(item["files"]?.text() ?? "")"
      var files = [("tokenizer.json", JSON.object(base).text())]
      for (name, value) in try #require(item["files"]?.object).members {
        files.append((name, value.string ?? value.text()))
      }
      let file = try convert(prepare(files)).file
      let settings = try file.json(DocumentName.tokenizerConfiguration)
      let tokenizer = try Tokenizer(json: #require(try file.json(DocumentName.tokenizer)), configuration: settings)
      for line in try #require(item["encoded"]?.array) {
        let ids = try #require(line["ids"]?.array).compactMap(\.integer).map { Int32($0) }
        let text = try #require(line["text"]?.string)
        #expect(tokenizer.encode(text, parseSpecialTokens: true) == ids, comment)
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == line["decoded_skip_special"]?.string, comment)
      }
      // As the runtime chooses them.
      let standard = try file.document(DocumentName.chatTemplate).map { String(decoding: $0, as: UTF8.self) }
      let forTools = settings?["chat_template"]?.array?.first { $0["name"]?.string == "tool_use" }?["template"]?.string
      let expected = item["templates"]?.array?.map(\.string)
      #expect(expected == [standard, forTools ?? standard], comment)
    }
  }

  /// Files that nothing is added to stay as they are.
  @Test func settingsAreKeptByteForByte() throws {
    let tokenizer = String(
      decoding: try bytes(of: TokenizerFolderTests.tokenizers + "metaspace.tokenizer.json"), as: UTF8.self)
    let settings = "{ \"eos_token\":  \"<|eom|>\", \"added_tokens_decoder\": {}, \"chat_template\": \"a\" }"
    let path = try prepare([
      ("tokenizer.json", tokenizer), ("tokenizer_config.json", settings),
      ("special_tokens_map.json", "{\"bos_token\": \"x\"}"),
    ])
    let file = try convert(path).file
    #expect(try file.document(DocumentName.tokenizerConfiguration) == Array(settings.utf8))
    try save("{", "special_tokens_map.json")
    let error = try #require(#expect(throws: ConversionError.self) { try convert(path) })
    #expect(error.description.contains("special_tokens_map.json"))
  }

  /// A SentencePiece model has no settings of its own: those beside it count.
  @Test func aSentencePieceModelTakesTheFilesBesideIt() throws {
    let path = try prepare([
      ("special_tokens_map.json", #"{"eos_token": "<|eom|>", "bos_token": {"content": "<|startoftext|>"}}"#)
    ])
    let model = TokenizerFolderTests.tokenizers + "jamba.tokenizer.model"
    try FileManager.default.copyItem(atPath: model, toPath: path + "/tokenizer.model")
    let (file, _) = try convert(path)
    let settings = try #require(try file.json(DocumentName.tokenizerConfiguration))
    let tokenizer = try Tokenizer(
      sentencePiece: SentencePieceModel(try #require(try file.document(DocumentName.sentencePiece))),
      configuration: settings)
    let end = try #require(tokenizer.encode("<|eom|>", parseSpecialTokens: true).last)
    #expect(tokenizer.decode([end], skipSpecialTokens: true).isEmpty && settings["eos_token"]?.string == "<|eom|>")
  }

  @Test func aSentencePieceModelAloneIsTaken() throws {
    let model = TokenizerFolderTests.tokenizers + "jamba.tokenizer.model"
    for path in [Fixtures.checkpoint("odd"), Fixtures.gguf("dense-BF16.gguf")] {
      let (file, summary) = try convert(path, tokenizer: model)
      #expect(try file.document(DocumentName.sentencePiece) == bytes(of: model))
      #expect(
        try file.document(DocumentName.tokenizer) == nil && file.document(DocumentName.tokenizerConfiguration) == nil)
      #expect(!summary.notes.contains { $0.contains("no tokenizer") })
    }
    let folder = self.folder.file("tokenizer")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: model, toPath: folder + "/tokenizer.model")
    #expect(
      try convert(Fixtures.checkpoint("odd"), tokenizer: folder).file.document(DocumentName.sentencePiece)
        == bytes(of: model))
    try write(Array(try bytes(of: model)[..<5000]), to: folder + "/tokenizer.model")
    let error = try #require(
      #expect(throws: ConversionError.self) { try convert(Fixtures.checkpoint("odd"), tokenizer: folder) })
    #expect(error.description.contains("is no tokenizer"))
  }

  /// What a chat would refuse is refused, or told, before it is tried.
  @Test func whatAChatWouldRefuseIsTold() throws {
    let demo = Fixtures.checkpoint("demo")
    func notes(_ template: String?, settings: String? = nil) throws -> [String] {
      var files = [("tokenizer.json", String(decoding: try bytes(of: demo + "/tokenizer.json"), as: UTF8.self))]
      if let template { files.append(("chat_template.jinja", template)) }
      if let settings { files.append(("tokenizer_config.json", settings)) }
      return try convert(prepare(files)).summary.notes
    }
    #expect(try notes("{{ messages }}").isEmpty)
    #expect(try notes("{% if %}").contains { $0.hasPrefix("the chat template cannot be used") })
    #expect(
      try notes(
        nil,
        settings: #"{"chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "{{"}]}"#
      )
      .contains { $0.hasPrefix("the chat template for tools cannot be used") })
    #expect(
      try notes(nil, settings: #"{"chat_template": [{"name": "rag", "template": "a"}]}"#)
        == [
          "of the chat templates, rag is not used; --chat-template FILE takes one",
          "none of the chat templates is the default one",
        ])
    // A tokenizer from elsewhere as well.
    let folder = self.folder.file("other")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: demo + "/tokenizer.json", toPath: folder + "/tokenizer.json")
    try write(Array(#"{"eos_token": "<|no such|>"}"#.utf8), to: folder + "/tokenizer_config.json")
    let error = try #require(
      #expect(throws: ConversionError.self) { try convert(Fixtures.checkpoint("odd"), tokenizer: folder) })
    #expect(error.description.contains("<|no such|>"))
    try FileManager.default.removeItem(atPath: folder + "/tokenizer_config.json")
    try write(Array("{{".utf8), to: folder + "/chat_template.jinja")
    #expect(
      try convert(Fixtures.checkpoint("odd"), tokenizer: folder).summary.notes
        .contains { $0.hasPrefix("the chat template cannot be used") })
  }
}
