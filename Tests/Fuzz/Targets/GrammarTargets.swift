import Foundation
import JambaGrammar
import JambaSystem
import JambaText
import TestSupport

extension FuzzTarget {
  /// A grammar in GBNF, and a text behind a zero byte.
  static let gbnf = FuzzTarget(
    "gbnf",
    dictionary: [
      "root ::= ", "::=", "a ::= ", "[^a-z]", "[\\x00-\\U0010FFFF]", "{2,3}", "{1000000}", "{,5}", "*", "+", "?", "|",
      "(", ")",
      "\"a\"", ".", "# c\n", "\\u00e9", "\n",
    ],
    shortCount: 9000,
    run: { bytes in
      let parts = parts(bytes, 2)
      if let grammar = try? Grammar(gbnf: text(parts[0])) { follow(grammar, parts[1]) }
    })

  /// As `gbnf`, in Lark's language.
  static let lark = FuzzTarget(
    "lark",
    dictionary: [
      "start: ", "A: ", "%ignore ", "%import common.INT", "/[a-z]+/", "\"a\"i", "~2..3", "?", "*", "|", "->", "{",
      "%declare",
      "!", "_x: ", "\n", "..", "%json {\"type\": \"object\"}", "%regex",
    ],
    shortCount: 3000,
    run: { bytes in
      let parts = parts(bytes, 2)
      if let grammar = try? Grammar(lark: text(parts[0])) { follow(grammar, parts[1]) }
    })

  /// As `gbnf`, a regular expression.
  static let pattern = FuzzTarget(
    "pattern",
    dictionary: [
      "(?:", "(?=", "(?!", "(?i)", "\\d", "\\w", "\\b", "[^", "\\p{L}", "{2,}", "{1000}", "{9,99999}", "^", "$", ".*",
      "|", "\\u00e9",
      "(?<a>", "\\1", "*?", "++",
    ],
    shortCount: 2400,
    run: { bytes in
      let parts = parts(bytes, 2)
      if let grammar = try? Grammar(pattern: text(parts[0])) { follow(grammar, parts[1]) }
    })

  /// A JSON schema, and a text behind a zero byte. What a schema allows is JSON.
  static let jsonSchema = FuzzTarget(
    "schema",
    dictionary: [
      "\"type\":", "\"object\"", "\"array\"", "\"string\"", "\"integer\"", "\"number\"", "\"properties\":{",
      "\"required\":[", "\"$ref\":\"#\"",
      "\"$ref\":\"#/$defs/a\"", "\"$defs\":{", "\"anyOf\":[", "\"oneOf\":[", "\"allOf\":[", "\"not\":{", "\"if\":{",
      "\"then\":{", "\"enum\":[", "\"const\":",
      "\"pattern\":\"^a+$\"", "\"format\":\"date-time\"", "\"minimum\":", "\"maximum\":", "\"multipleOf\":",
      "\"minLength\":", "\"maxLength\":",
      "\"minItems\":", "\"maxItems\":", "\"uniqueItems\":true", "\"contains\":{", "\"prefixItems\":[",
      "\"additionalProperties\":false",
      "\"patternProperties\":{", "\"propertyNames\":{", "\"minProperties\":", "\"maxProperties\":",
      "\"dependentRequired\":{",
      "\"unevaluatedProperties\":false", "\"x-objects\":\"open\"", "\"x-whitespace\":", "true", "false", "null", "{}",
      "[]", "1e30",
    ],
    shortCount: 2400,
    fixtures: {
      let lines = try bytes(of: Fixtures.repository + "/Tests/ChatTests/Fixtures/schemas.jsonl").split(separator: 10)
      return try lines.map { line in
        let line = try JSON.parse(line)
        return Array((line["schema"] ?? .bool(true)).text().utf8) + [0]
          + Array((line["valid"]?.array?.first?.string ?? "").utf8)
      }
    },
    run: { bytes in
      let parts = parts(bytes, 2)
      guard let schema = try? JSON.parse(parts[0]) else { return }
      for (whitespace, objects) in [(JSONWhitespace.compact, JSONObjects.declared), (.free, .open)] {
        guard let grammar = try? Grammar(jsonSchema: schema, whitespace: whitespace, objects: objects) else { continue }
        let other = text(parts[1])
        if (try? grammar.matches(other)) == true {
          require((try? JSON.parse(other)) != nil || isLooseJSON(other), "what a schema takes is no JSON")
        }
        follow(grammar, parts[1])
      }
    })

  /// JSON as Foundation has it, which takes repeated names and deeper nesting: a grammar cannot tell these.
  private static func isLooseJSON(_ text: String) -> Bool {
    (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) != nil
  }

  private static let tokenizer = tokenizers[0].1
  private static let vocabulary = TokenTexts(tokenizer)

  /// Matches a text, and writes one token by token: the mask allows only tokens that can be taken, and what is complete
  /// matches.
  private static func follow(_ grammar: Grammar, _ bytes: [UInt8]) {
    _ = try? grammar.matches(text(bytes))
    let end = tokenizer.eosID ?? 2
    guard let constraint = try? TokenConstraint(grammar, vocabulary, endTokens: [end], afterText: true) else { return }
    var random = SplitMix64(seed: UInt64(bytes.count))
    var tokens: [Int32] = []
    for _ in 0..<12 {
      guard let mask = try? constraint.allowedTokens(), let first = mask.first else { return }
      // A token near a random one; the first where there is none.
      let start = Int(random.next() % UInt64(tokenizer.idEnd))
      let choice = (start..<min(start + 64, tokenizer.idEnd)).first { mask.contains($0) } ?? first
      if Int32(choice) == end { return }
      do { try constraint.advance(Int32(choice)) } catch GrammarError.noTokenFits {
        fatalError("fuzzing: a token of the mask cannot be taken")
      } catch { return }
      tokens.append(Int32(choice))
    }
  }
}
