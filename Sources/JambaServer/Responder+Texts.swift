import Hummingbird
import Jamba
import JambaSystem
import JambaText

/// Requests about texts and tokens, which the model itself has no part in.
extension Responder {
  private func parameters(_ body: JSONObject) -> Parameters {
    Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
  }

  private func requireTokenizer() throws(Failure) -> Tokenizer {
    guard let tokenizer = model.tokenizer else { throw Failure(JambaError.missing("tokenizer")) }
    return tokenizer
  }

  /// A text to its tokens; or texts and tokens in a list.
  func tokenize(_ body: JSONObject) throws(Failure) -> Response {
    var parameters = parameters(body)
    guard let content = parameters.value("content") else {
      throw Failure(.badRequest, "\"content\" is missing", code: "missing_required_parameter", parameter: "content")
    }
    let addsSpecialTokens = try parameters.bool("add_special") ?? false
    let parsesSpecialTokens = try parameters.bool("parse_special") ?? true
    let showsPieces = try parameters.bool("with_pieces") ?? false
    try parameters.finish()
    note(parameters.unknown.names)
    let tokenizer = try requireTokenizer()
    var tokens: [Int32] = []
    for (index, part) in (content.array ?? [content]).enumerated() {
      if let text = part.string {
        tokens += tokenizer.encode(
          text, addSpecialTokens: addsSpecialTokens && index == 0, parseSpecialTokens: parsesSpecialTokens)
      } else if content.array != nil, let token = token(part) {
        tokens.append(token)
      } else {
        throw .invalid("content", "\"content\" is not a string, or a list of strings and token ids")
      }
    }
    let list = tokens.map { token -> JSON in
      let id = JSON.integer(Int(token))
      return showsPieces ? .object(["id": id, "piece": Responder.piece(of: token, tokenizer)]) : id
    }
    return Responder.response(.object(["tokens": .array(list)]))
  }

  /// A token's text, or its bytes where they are no character.
  private static func piece(of token: Int32, _ tokenizer: Tokenizer) -> JSON {
    if tokenizer.isSpecial(token) { return .string(tokenizer.piece(of: token) ?? "") }
    let text = TokenText(token, tokenizer)
    return text.bytes.elementsEqual(text.text.utf8)
      ? .string(text.text) : .array(text.bytes.map { .integer(Int($0)) })
  }

  func detokenize(_ body: JSONObject) throws(Failure) -> Response {
    var parameters = parameters(body)
    let list = try parameters.array("tokens")
    try parameters.finish()
    note(parameters.unknown.names)
    let tokens = list?.compactMap(token)
    guard let tokens, tokens.count == list?.count else {
      throw .invalid("tokens", "\"tokens\" is not a list of token ids of the vocabulary")
    }
    return Responder.response(.object(["content": .string(try requireTokenizer().decode(tokens))]))
  }

  /// A token of the vocabulary.
  private func token(_ value: JSON) -> Int32? {
    value.integer.flatMap { 0..<model.configuration.vocabSize ~= $0 ? Int32($0) : nil }
  }

  /// The prompt that a chat request would be answered from, as the chat template prints it.
  func applyTemplate(_ body: JSONObject) throws(Failure) -> Response {
    let request = try AnswerRequest.chat(body, model, options)
    note(request.passedOver)
    guard case .chat(let messages, let chat) = request.source else { preconditionFailure("A chat has messages.") }
    do throws(JambaError) {
      return Responder.response(.object(["prompt": .string(
          try model.prompt(messages, chat, hasAnswerGrammar: request.form != .free).shownText)]))
    } catch { throw Failure(error, grammarParameter: "tools") }
  }
}
