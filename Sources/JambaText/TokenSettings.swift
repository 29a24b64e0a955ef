/// What tokenizer_config.json says of tokens: which are added, and which are special.
///
/// As in transformers 5 (TokenizersBackend): the entries of `added_tokens_decoder` replace those of tokenizer.json, then
/// every token that a setting such as `eos_token` names, and every one of `extra_special_tokens` (once
/// `additional_special_tokens`), is special where it was not added before.
struct TokenSettings {
  private let field: TokenizerField

  init(_ configuration: TokenizerField) { field = configuration }

  private static let names = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  func applied(to list: [AddedToken], vocabulary: inout Vocabulary) throws(TokenizerError) -> [AddedToken] {
    // Control tokens' names would stay text even where a template writes them.
    if try field["split_special_tokens"].bool(default: false) {
      throw .unsupported(field: field["split_special_tokens"].path, name: "true")
    }
    var list = list
    for entry in try added {
      let content = try entry.field["content"].string()
      if content.utf8.isEmpty { continue }
      try AddedTokens.check(content, entry.field["content"])
      let id = try self.id(of: content, wanted: entry.id, entry.field, vocabulary: &vocabulary)
      let index = list.firstIndex { $0.id == id }
      // What was special stays so: the library never takes a token off its list of them.
      let isSpecial = try entry.field["special"].bool(default: false) || index.map { list[$0].isSpecial } ?? false
      let token = try AddedToken(id, content, entry.field, isSpecial: isSpecial, isNormalized: !isSpecial)
      if let index { list[index] = token } else { list.append(token) }
    }
    for (named, mustExist) in try special {
      guard let content = try named.tokenText(), !content.utf8.isEmpty else { continue }
      try AddedTokens.check(content, named)
      guard let id = vocabulary.id(of: content) else {
        if mustExist { throw .unknownPiece(field: named.path, piece: content) }
        continue
      }
      if list.contains(where: { $0.id == id }) { continue }
      list.append(try AddedToken(id, content, named, isSpecial: true, isNormalized: false))
    }
    return list
  }

  /// The entries of `added_tokens_decoder`, by id.
  private var added: [(id: Int, field: TokenizerField)] {
    get throws(TokenizerError) {
      let decoder = field["added_tokens_decoder"]
      guard decoder.value != nil else { return [] }
      var entries: [(id: Int, field: TokenizerField)] = []
      for key in try decoder.object().keys {
        guard let id = Int(key) else { throw decoder.invalid("has an entry whose name is no token id") }
        entries.append((id, decoder[key]))
      }
      return entries.sorted { $0.id < $1.id }
    }
  }

  /// A token that the vocabulary lacks is added behind all others, where transformers puts it.
  private func id(
    of content: String, wanted: Int, _ field: TokenizerField, vocabulary: inout Vocabulary
  ) throws(TokenizerError) -> Int32 {
    if let id = vocabulary.id(of: content) { return id }
    guard wanted == vocabulary.idEnd else { throw .unknownPiece(field: field.path, piece: content) }
    try vocabulary.insert(content, id: wanted)
    return Int32(wanted)
  }

  /// Tokens that are named as special, and whether the vocabulary has to know them: a padding token that it lacks never
  /// comes up, but a name in a text would have become another token.
  private var special: [(TokenizerField, mustExist: Bool)] {
    get throws(TokenizerError) {
      var result = Self.names.map { (field[$0], mustExist: false) }
      let extra = field["extra_special_tokens"]
      let list = extra.value == nil ? field["additional_special_tokens"] : extra
      if let object = list.value?.object {
        result += object.keys.map { (list[$0], mustExist: true) }
      } else if list.value != nil {
        result += try list.elements().map { ($0, mustExist: true) }
      }
      return result
    }
  }
}
