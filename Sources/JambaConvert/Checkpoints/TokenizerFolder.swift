import JambaFormat
import JambaSystem
import JambaText

/// The tokenizer of a folder in Hugging Face layout, and its chat templates, as transformers puts them together from several files.
struct TokenizerFolder {
  /// What the .jamba file holds of them.
  private(set) var documents: [CheckpointDocument] = []
  /// Sentences without a full stop.
  private(set) var notes: [String] = []
  /// The name of the tokenizer's own file; nil when there is none.
  private(set) var name: String?

  private static let tokenMap = "special_tokens_map.json"
  private static let addedTokens = "added_tokens.json"

  /// - Throws: `damaged` for a file that cannot be read; `noTokenizer` for a tokenizer that cannot be used.
  init(_ path: String) throws(ConversionError) {
    let vocabulary = try read(DocumentName.tokenizer, in: path)
    var pieces: [UInt8]?
    // As transformers does: a tokenizer.model counts where there is no tokenizer.json.
    if vocabulary == nil, let bytes = try HuggingFaceFolder.contents(of: path + "/" + DocumentName.sentencePiece) {
      documents.append(CheckpointDocument(name: DocumentName.sentencePiece, bytes: bytes))
      pieces = bytes
    }
    name = documents.first?.name
    let stored = try read(DocumentName.tokenizerConfiguration, in: path)
    let templates = try ChatTemplateFiles(path, settings: stored)
    let settings = templates.settings(
      try TokenizerFolder.settings(
        stored, map: TokenizerFolder.json(TokenizerFolder.tokenMap, in: path),
        added: TokenizerFolder.json(TokenizerFolder.addedTokens, in: path), vocabulary: vocabulary))
    replaceSettings(stored, by: settings)
    if let template = templates.standard {
      documents.append(CheckpointDocument(name: DocumentName.chatTemplate, bytes: Array(template.utf8)))
    }
    do throws(TokenizerError) {
      if let vocabulary {
        _ = try Tokenizer(json: vocabulary, configuration: settings)
      } else if let pieces {
        let model = try SentencePieceModel(pieces)
        _ = try Tokenizer(sentencePiece: model, configuration: settings)
        if model.hasDamagedScores {
          notes.append(
            "the scores of all pieces in \(DocumentName.sentencePiece) are equal; the order of the pieces stands in for them"
          )
        }
      }
    } catch { throw .noTokenizer(path: path, reason: "\(error)") }
  }

  /// The documents of a tokenizer: those of a folder, or a tokenizer.json or tokenizer.model alone.
  static func documents(at path: String) throws(ConversionError) -> [CheckpointDocument] {
    if FileSystem.isDirectory(path) {
      let folder = try TokenizerFolder(path)
      guard folder.name != nil else {
        throw .noTokenizer(path: path, reason: "it has no tokenizer.json and no tokenizer.model")
      }
      return folder.documents
    }
    guard let bytes = try HuggingFaceFolder.contents(of: path) else {
      throw .noTokenizer(path: path, reason: "there is no such file")
    }
    do throws(TokenizerError) {
      if let model = try? SentencePieceModel(bytes) {
        _ = try Tokenizer(sentencePiece: model, configuration: nil)
        return [CheckpointDocument(name: DocumentName.sentencePiece, bytes: bytes)]
      }
      let json: JSON
      do { json = try JSON.parse(bytes) } catch {
        throw TokenizerError.invalid(field: "file", reason: "is neither a SentencePiece model nor JSON (\(error))")
      }
      guard json["model"]?["vocab"] != nil else {
        throw TokenizerError.invalid(field: "file", reason: "has no vocabulary")
      }
      _ = try Tokenizer(json: json, configuration: nil)
      return [CheckpointDocument(name: DocumentName.tokenizer, bytes: bytes)]
    } catch { throw .noTokenizer(path: path, reason: "\(error)") }
  }

  private mutating func read(_ name: String, in path: String) throws(ConversionError) -> JSON? {
    guard let bytes = try HuggingFaceFolder.contents(of: path + "/" + name) else { return nil }
    documents.append(CheckpointDocument(name: name, bytes: bytes))
    return try TokenizerFolder.parse(bytes, path + "/" + name)
  }

  private static func json(_ name: String, in path: String) throws(ConversionError) -> JSON? {
    guard let bytes = try HuggingFaceFolder.contents(of: path + "/" + name) else { return nil }
    return try parse(bytes, path + "/" + name)
  }

  private static func parse(_ bytes: [UInt8], _ path: String) throws(ConversionError) -> JSON {
    do { return try JSON.parse(python: bytes) } catch { throw .damaged(path: path, reason: "\(error)") }
  }

  /// Settings that other files add to are written anew; others stay as they are, byte for byte.
  private mutating func replaceSettings(_ stored: JSON?, by settings: JSON?) {
    guard let settings, settings != stored else { return }
    documents.removeAll { $0.name == DocumentName.tokenizerConfiguration }
    documents.append(
      CheckpointDocument(
        name: DocumentName.tokenizerConfiguration, bytes: Array(settings.text(.indented(2)).utf8)))
  }

  /// What tokenizer_config.json says, with what transformers adds to it where it lists no tokens itself: the names in
  /// special_tokens_map.json, and the tokens in added_tokens.json that tokenizer.json does not have.
  private static func settings(_ stored: JSON?, map: JSON?, added: JSON?, vocabulary: JSON?) -> JSON? {
    guard map != nil || added != nil, stored?["added_tokens_decoder"] == nil, stored == nil || stored?.object != nil
    else { return stored }
    var settings = stored?.object ?? [:]
    for (name, value) in map?.object?.members.map({ ($0.key, $0.value) }) ?? [] {
      settings[name] = name == "extra_special_tokens" ? merged(settings, value) : value
    }
    let known = Set((vocabulary?["added_tokens"]?.array ?? []).compactMap { $0["id"]?.integer })
    let special = Set(specialTokens(settings))
    var entries: JSONObject = [:]
    for (token, value) in added?.object?.members.map({ ($0.key, $0.value) }) ?? [] {
      guard let id = value.integer, !known.contains(id) else { continue }
      let isSpecial = special.contains(token)
      entries["\(id)"] = .object([
        "content": .string(token), "lstrip": .bool(false), "rstrip": .bool(false), "single_word": .bool(false),
        "normalized": .bool(!isSpecial), "special": .bool(isSpecial),
      ])
    }
    if entries.count > 0 { settings["added_tokens_decoder"] = .object(entries) }
    return .object(settings)
  }

  /// A list of special tokens behind the one that is there.
  private static func merged(_ settings: JSONObject, _ value: JSON) -> JSON {
    guard let new = value.array else { return value }
    let old = settings["extra_special_tokens"]?.array ?? settings["additional_special_tokens"]?.array ?? []
    return .array(old + new.filter { !old.contains($0) })
  }

  /// The texts of tokens that settings name.
  private static func specialTokens(_ settings: JSONObject) -> [String] {
    func text(_ value: JSON) -> String? { value.string ?? value["content"]?.string }
    return settings.members.flatMap { key, value -> [String] in
      if key.hasSuffix("_token") { return [text(value)].compactMap { $0 } }
      guard key == "extra_special_tokens" || key == "additional_special_tokens" else { return [] }
      return (value.array ?? []).compactMap(text)
    }
  }
}
