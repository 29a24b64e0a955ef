import Jamba
import JambaGrammar
import JambaSystem
import JambaText
import Testing

/// Token masks, compared with what the grammar's few texts say.
@Suite struct ConstraintTests {
  /// A tokenizer of some pieces and, for bytes, `<0x..>`; id 0 ends a text, id 1 is another control token.
  static func tokenizer(_ pieces: [String]) throws -> Tokenizer {
    var vocabulary = JSONObject()
    for piece in ["<|end|>", "<|other|>", "<unk>"] + pieces { vocabulary[piece] = .integer(vocabulary.count) }
    for byte in 0..<256 {
      let digits = String(byte, radix: 16, uppercase: true)
      vocabulary["<0x\(byte < 16 ? "0" : "")\(digits)>"] = .integer(vocabulary.count)
    }
    func special(_ id: Int, _ content: String) -> JSON {
      .object(["id": .integer(id), "content": .string(content), "special": .bool(true), "normalized": .bool(false)])
    }
    let json: JSON = .object([
      "model": .object([
        "vocab": .object(vocabulary), "merges": .array([]), "byte_fallback": .bool(true), "unk_token": .string("<unk>"),
      ]),
      "added_tokens": .array([special(0, "<|end|>"), special(1, "<|other|>"), special(2, "<unk>")]),
      "decoder": try JSON.parse(
        #"{"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}"#
      ),
    ])
    return try Tokenizer(json: json, configuration: nil)
  }

  static let pieces = ["a", "b", "ab", "ba", "aba", "é", "日", "日本", "本", "▁", "▁a", "▁▁", "a▁b", "😀", "\n", "\"", "x"]

  /// The bytes of a token in the middle of a text.
  static func bytes(_ token: Int32, _ tokenizer: Tokenizer) -> [UInt8] {
    let piece = tokenizer.piece(of: token)!
    if piece.hasPrefix("<0x"), let byte = UInt8(piece.dropFirst(3).dropLast(), radix: 16) { return [byte] }
    return Array(piece.utf8.isEmpty ? "".utf8 : String(piece.map { $0 == "▁" ? " " : $0 }).utf8)
  }

  /// Texts of a grammar are walked through in every way that tokens can spell them: at each place exactly those tokens are
  /// allowed that go on towards one of the texts, and the end where one is whole.
  @Test(arguments: [
    ["a", "ab", "aba", "abab"], ["日本", "日本日", "é"], ["a b", "a  b", " x"], ["😀a", "😁", "\u{7FF}", "\u{800}"],
    ["", "a\nb", "\""],
  ])
  func allowsExactlyWhatTheTextsSay(_ texts: [String]) throws {
    let tokenizer = try Self.tokenizer(Self.pieces)
    let literals = texts.map { text in
      "\""
        + text.unicodeScalars.map {
          "\\U" + String(repeating: "0", count: 8 - String($0.value, radix: 16).count) + String($0.value, radix: 16)
        }.joined() + "\""
    }
    let grammar = try Grammar(gbnf: "root ::= " + literals.joined(separator: " | "))
    let vocabulary = TokenTexts(tokenizer)
    var checked = 0
    func walk(_ tokens: [Int32], _ text: [UInt8]) throws {
      let constraint = try TokenConstraint(grammar, vocabulary, endTokens: [0], afterText: true)
      for token in tokens { try constraint.advance(token) }
      let isWhole = texts.contains { Array($0.utf8) == text }
      let goesOn = texts.contains { $0.utf8.starts(with: text) && $0.utf8.count > text.count }
      #expect(constraint.isComplete == (isWhole && !goesOn))
      let mask = try constraint.allowedTokens()
      for token in 0..<Int32(tokenizer.idEnd) {
        let bytes = token < 3 ? [] : Self.bytes(token, tokenizer)
        let expected =
          token == 0 ? isWhole : token > 2 && !bytes.isEmpty && texts.contains { $0.utf8.starts(with: text + bytes) }
        #expect(mask.contains(Int(token)) == expected, "\(tokens) \(tokenizer.piece(of: token)!)")
        checked += 1
        if expected, token > 2 { try walk(tokens + [token], text + bytes) }
      }
    }
    try walk([], [])
    #expect(checked > 1000)
  }

  /// The first token of a text that stands alone loses its space, and may be nothing but that space.
  @Test func firstTokensLoseTheirSpace() throws {
    let tokenizer = try Self.tokenizer(Self.pieces)
    let grammar = try Grammar(gbnf: "root ::= \"a\" \" b\"?")
    let constraint = try TokenConstraint(grammar, TokenTexts(tokenizer), endTokens: [0])
    func allowed() throws -> Set<String> {
      let mask = try constraint.allowedTokens()
      return Set((0..<tokenizer.idEnd).filter { mask.contains($0) }.map { tokenizer.piece(of: Int32($0))! })
    }
    #expect(try allowed() == ["a", "▁a", "▁", "<0x61>", "a▁b", "<0x20>"])
    try constraint.advance(tokenizer.id(of: "▁")!)
    #expect(try allowed() == ["a", "<0x61>", "a▁b"])
    try constraint.advance(tokenizer.id(of: "a")!)
    #expect(try allowed() == ["▁", "<0x20>", "<|end|>"])
  }

  /// What must come is foreseen as the tokenizer spells it, but for the last token, which may be a longer one.
  @Test func foreseesWhatMustCome() throws {
    let tokenizer = try Self.tokenizer(Self.pieces)
    let grammar = try Grammar(gbnf: #"root ::= "b" ("abab" | "xx")"#)
    let constraint = try TokenConstraint(grammar, TokenTexts(tokenizer), endTokens: [0], afterText: true)
    let (a, b) = (tokenizer.id(of: "a")!, tokenizer.id(of: "b")!)
    // Nothing to spell it behind, a choice, and only then what must come.
    #expect(constraint.foreseenTokens(limit: 7) == [])
    try constraint.advance(b)
    #expect(constraint.foreseenTokens(limit: 7) == [])
    try constraint.advance(a)
    #expect(constraint.foreseenTokens(limit: 7) == [b, a])
    #expect(constraint.foreseenTokens(limit: 1) == [b])
    #expect(constraint.foreseenTokens(limit: 0) == [])
    for token in [b, a, b] { try constraint.advance(token) }
    #expect(constraint.isComplete)
    #expect(constraint.foreseenTokens(limit: 7) == [])
  }

  @Test func saysWhenNoTokenFits() throws {
    var json = try JSON.parse(
      #"{"model": {"vocab": {"a": 0, "b": 1, "<unk>": 2}, "merges": [], "unk_token": "<unk>"}}"#)
    json = try JSON.parse(json.text())
    let tokenizer = try Tokenizer(json: json, configuration: nil)
    let constraint = try TokenConstraint(Grammar(gbnf: "root ::= \"ac\""), TokenTexts(tokenizer), endTokens: [])
    try constraint.advance(0)
    #expect(throws: GrammarError.noTokenFits) { try constraint.allowedTokens() }
  }

  static let words = [
    "a", "b", "z", "Z", "9", "ab", "abc", "xyz", "Ab9", "a-b", "a_b", "a.b", "/x", "x:y", "▁the", "▁the▁cat", "the▁cat▁sat▁on",
    "é", "日本", "a日", "日日日", "!", "a!", "\"", "a\"", "\",\"", "\"}", "\\n", "\\\"", "\\", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaa",
    "▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁", "1", "12", ",", ",\"", "[", "]", "{\"", "true", "null", "-1", "2024", "@x", "example",
  ]

  /// Tokens that are taken together, places that share a mask, and what was found out before: all of it gives the masks that
  /// the bytes of each token give one by one.
  @Test func masksAreWhatBytesSay() throws {
    let tokenizer = try Self.tokenizer(Self.words)
    let vocabulary = TokenTexts(tokenizer)
    // Bytes are tokens of any vocabulary; here there is nothing else that could be taken together.
    let bytes = try Self.tokenizer([])
    let byteVocabulary = TokenTexts(bytes)
    let firstByte = bytes.id(of: "<0x00>")!
    var checked = 0
    for (number, one) in SchemaTests.cases.enumerated() where !one.schema.text().contains("uniqueItems") {
      let grammar = try Grammar(jsonSchema: one.schema)
      for text in one.valid.suffix(1) {
        let whole = Array(text.utf8)
        for length in Set([whole.count / 2, number % whole.count]).sorted() {
          let prefix = whole[..<length]
          let constraint = try TokenConstraint(grammar, vocabulary, endTokens: [0], afterText: true)
          for byte in prefix { try constraint.advance(tokenizer.id(of: "<0x00>")! + Int32(byte)) }
          let mask = try constraint.allowedTokens()
          let place = "\(one.schema.text()) \(String(decoding: prefix, as: UTF8.self))"
          for word in Self.words {
            let id = tokenizer.id(of: word)!
            let slow = try TokenConstraint(grammar, byteVocabulary, endTokens: [0], afterText: true)
            var isAllowed = true
            for byte in prefix + Self.bytes(id, tokenizer) where isAllowed {
              do { try slow.advance(firstByte + Int32(byte)) } catch { isAllowed = false }
            }
            #expect(mask.contains(Int(id)) == isAllowed, "\(word) in \(place)")
            checked += 1
          }
        }
      }
    }
    #expect(checked > 20_000)
  }

  /// What stands on top of a place is looked at once for all places that have it there, and what is below it only where a
  /// token comes to it: one answer's masks at every place of a text are what the bytes of each token say.
  @Test(arguments: [
    // Strings whose length is counted, far from the most characters and near to it, before and behind the least.
    (
      ##"{"type": "array", "items": {"anyOf": [{"type": "array", "items": {"type": "string", "minLength": 3, "maxLength": 90}}, {"type": "string", "maxLength": 30}, {"type": "object", "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 1000}}]}}"##,
      ##"[["a\"日", "aaaaaaaa"], "a\nthe cat sat on\"", {"a": "\\aa", "b": "a\"}"}, ["\u00e9ab"]]"##
    ),
    // Members before which one comma stands, some of them required, and others.
    (
      ##"{"properties": {"a": {"type": "array", "items": {"$ref": "#"}}, "b": {"maxLength": 3, "type": "string"}, "c": {}, "d": {}, "e": {}, "f": {}, "g": {}, "h": {}, "i": {}, "j": {}, "k": {}, "l": {}, "m": {}, "n": {}, "o": {}, "p": {}, "q": {}, "ab": {"const": 12}, "xyz": {"type": "null"}}, "required": ["b"], "additionalProperties": {"type": "boolean"}, "type": "object"}"##,
      ##"{"a": [{"b":"a"}],"b": "日a", "ab":12, "abc": true, "Z":false}"##
    ),
    (
      ##"{"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}, "ab": {"enum": ["a", "ab"]}}, "required": ["ab"], "maxProperties": 2, "type": "object"}"##,
      ##"{"ab": "ab","a":{"b": {"ab":"a"},"ab":"a"}}"##
    ),
    // Characters that a pattern leaves out, counted ones, and a group that may end behind every letter.
    (##"{"pattern": "^.{2,9}$", "type": "string"}"##, #""a日b\\ ab""#),
    (##"{"pattern": "[ab日]{2,4}$", "maxLength": 8, "type": "string"}"##, #""xyz日ab""#),
    (##"{"pattern": "^([a-z]+ ?){1,4}$", "maxLength": 150, "type": "string"}"##, #""ab xyz b""#),
    // Texts whose every letter may end a part, with many counts of parts.
    (##"{"pattern": "^([a-z]+ ?){1,5000}$", "type": "string"}"##, #""ab xyz b""#),
    // Characters that lead to where little may follow, and words told from what is between them.
    (##"{"format": "json-pointer", "type": "string"}"##, #""/ab~1日/b""#),
    (##"{"pattern": "\\bab\\b", "type": "string"}"##, #""a-b ab""#),
    (##"{"pattern": "^((?!a日|xyz).)*$", "type": "string"}"##, #""abc xy日b""#),
    (##"{"format": "hostname", "type": "string"}"##, #""abc.a-b""#),
    // Any name but those that are declared, and strings of any kind.
    (
      ##"{"type": "object", "properties": {"abc": {"type": "string"}, "a-b": {"type": "string", "maxLength": 5}}, "additionalProperties": {}}"##,
      ##"{"abc": "a\"日", "ab": ["b"], "a-b": "日日"}"##
    ),
  ])
  func masksAreTheSameAtEveryPlace(_ schema: String, _ text: String) throws {
    let words = Self.words + ["\u{A0}", "\u{2028}", "a\u{3000}b", "日\u{2028}", "b\"", "\":", "\"]", ", \"", "}}", "true}"]
    try expectMasks(of: Grammar(jsonSchema: JSON.parse(schema)), along: text, words)
  }

  /// No token is left that would come to an item that has been there, however far it is from the item's end.
  @Test(arguments: [
    (##"{"items": {"enum": ["ab", "a"]}}"##, ##"["ab","a"##, ["b", "b\""], ["\"", "\"]"]),
    (##"{"items": {"enum": ["ab", "abc", "z"]}}"##, ##"["ab", "##, ["\"ab\""], ["\"ab", "\"", "\"z"]),
    (##"{"items": {"enum": [{"a": 1}, {"a": 12}]}}"##, ##"[{"a":1},{"a":1"##, ["}", "}]"], ["2"]),
    (##"{"items": {"properties": {"a": {"enum": [1, 12]}}, "required": ["a"], "additionalProperties": false}}"##, ##"[{"a":1},{"a":1"##, ["}", "}]"], ["2"]),
    (##"{"items": {"items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 1}}"##, ##"[["a"],["a"##, ["\"]"], ["\""]),
    (##"{"items": {"type": "string"}}"##, ##"["a","\u006"##, ["1\"", "1\"]"], ["1", "2\""]),
  ])
  func repeatedItemsCannotCome(_ schema: String, _ begun: String, _ forbidden: [String], _ allowed: [String]) throws {
    let tokenizer = try Self.tokenizer(forbidden + allowed)
    guard case .object(var object) = try JSON.parse(schema) else { return }
    object["type"] = .string("array")
    object["uniqueItems"] = .bool(true)
    let grammar = try Grammar(jsonSchema: .object(object))
    let constraint = try TokenConstraint(grammar, TokenTexts(tokenizer), endTokens: [0], afterText: true)
    for byte in begun.utf8 { try constraint.advance(tokenizer.id(of: "<0x00>")! + Int32(byte)) }
    let mask = try constraint.allowedTokens()
    for word in forbidden { #expect(!mask.contains(Int(tokenizer.id(of: word)!)), "\(word) behind \(begun)") }
    for word in allowed { #expect(mask.contains(Int(tokenizer.id(of: word)!)), "\(word) behind \(begun)") }
  }

  /// Where hundreds of rules wait for one another, their limit counts, and everything is looked at.
  @Test func masksAreTheSameInDepth() throws {
    let grammar = try Grammar(gbnf: #"""
      root ::= "[" root ("a" | "b" root) | "x" | inner "]"
      inner ::= "{" root "}"
      """#)
    let text = String(repeating: "[", count: 600) + "{x}]" + String(repeating: "a", count: 600)
    let words = ["[[", "[x", "xa", "xb", "{x}]", "}]", "]a", "aa", "ab", "b["]
    try expectMasks(of: grammar, along: text, words, at: 598...606)
  }

  private func expectMasks(of grammar: Grammar, along text: String, _ words: [String], at places: ClosedRange<Int> = 0...1000) throws {
    let (tokenizer, bytes) = (try Self.tokenizer(words), try Self.tokenizer([]))
    let (vocabulary, byteVocabulary) = (TokenTexts(tokenizer), TokenTexts(bytes))
    let (one, firstByte) = (tokenizer.id(of: "<0x00>")!, bytes.id(of: "<0x00>")!)
    let constraint = try TokenConstraint(grammar, vocabulary, endTokens: [0], afterText: true)
    let whole = Array(text.utf8)
    for length in 0...whole.count {
      if places.contains(length) {
        let mask = try constraint.allowedTokens()
        for word in words {
          let id = tokenizer.id(of: word)!
          let slow = try TokenConstraint(grammar, byteVocabulary, endTokens: [0], afterText: true)
          var isAllowed = true
          for byte in whole[..<length] + Self.bytes(id, tokenizer) where isAllowed {
            do { try slow.advance(firstByte + Int32(byte)) } catch { isAllowed = false }
          }
          #expect(mask.contains(Int(id)) == isAllowed, "\(word) behind \(String(decoding: whole[..<length], as: UTF8.self))")
        }
      }
      if length < whole.count { try constraint.advance(one + Int32(whole[length])) }
    }
    #expect(constraint.isComplete)
  }

  /// Answers that follow one grammar at the same time or one after the other do not see each other.
  @Test func answersDoNotMeet() throws {
    let tokenizer = try Self.tokenizer(Self.pieces)
    let vocabulary = TokenTexts(tokenizer)
    let grammar = try Grammar(gbnf: "root ::= \"a\" (\"b\" | \"x\")")
    let a = tokenizer.id(of: "a")!
    for _ in 0..<3 {
      let one = try TokenConstraint(grammar, vocabulary, endTokens: [0], afterText: true)
      let other = try TokenConstraint(grammar, vocabulary, endTokens: [0], afterText: true)
      try one.advance(a)
      #expect(try other.allowedTokens().contains(Int(a)))
      #expect(try !one.allowedTokens().contains(Int(a)))
      #expect(try one.allowedTokens().contains(Int(tokenizer.id(of: "x")!)))
    }
  }
}
