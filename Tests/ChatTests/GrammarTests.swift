import Jamba
import JambaGrammar
import JambaSystem
import Testing

/// GBNF: what is read, what it matches, and what is refused.
@Suite struct GrammarTests {
  @Test(
    arguments: [
      ("root ::= \"yes\" | \"no\"", ["yes", "no"], ["", "y", "yesno", "Yes"]),
      ("root ::= [a-c]+ [^a-c\\n]?", ["a", "abcabc", "ab!", "ab日"], ["", "!", "ab!!", "ab\n"]),
      ("root ::= (\"a\" | \"b\" \"c\")* \"d\"", ["d", "ad", "bcad"], ["a", "bd", "bcbd"]),
      ("root ::= \"x\"{2} \"y\"{1,3} \"z\"{2,}", ["xxyzz", "xxyyyzzzz"], ["xyzz", "xxyyyyzz", "xxyz"]),
      (
        "root ::= list\nlist ::= \"[\" (item (\",\" item)*)? \"]\"\nitem ::= [0-9] | list", ["[]", "[1,[2,[]],3]"],
        ["[", "[1,]", "[[]"]
      ),
      ("root ::= \"\\x41\\u00e9\\U0001F600\\n\\\"\\\\\"", ["Aé😀\n\"\\"], ["Aé😀"]),
      ("# comment\nroot ::= # more\n  \"a\" |\n  \"b\" # end\n\n", ["a", "b"], ["ab"]),
      ("root ::= . .", ["ab", "日😀", "\u{0}\u{10FFFF}"], ["a", "abc"]),
      ("root ::= [α-ωΑ-Ω]", ["α", "ω", "Σ"], ["a", "ϊ"]),
      ("root ::= a | \"\"\na ::= \"x\" a \"y\" | \"x\" \"y\"", ["", "xy", "xxxyyy"], ["xyxy", "xxy"]),
      ("root ::= (\"\" | \"a\" | [b]*)* \"c\"", ["c", "aabbac"], ["", "ac!"]),
      ("root ::= \"a\" * (\"b\" | \"c\") {2}", ["aabc", "bb"], ["ab"]), ("\u{FEFF}root ::= \"a\"", ["a"], ["b"]),
      ("root ::= (\"a\"\n  | \"b\"\n  +) \"c\"{,2}", ["a", "bbcc"], ["c", "bccc"]),
      ("root ::= ([a-z]+ \" \"?){1,100000}", ["once upon a time"], ["", "a  b"]),
      ("root ::= ([a-z]+ \" \"?){3,5} \"!\"", ["abc!", "a b c d e!", "abcdefgh!"], ["ab!", "a b c d e f!"]),
      ("root ::= (\"a\"{1000}){2}", [String(repeating: "a", count: 2000)], [String(repeating: "a", count: 1999)]),
      ("root ::= (\"a\"{2,4} \"b\"){3,5} \"c\"", ["aabaaabaaaabc"], ["aabaabc", "aababaabc", "aabaabaab"]),
      ("root ::= (\"a\"{1,3} | \"b\"{3}){2,4}", ["aa", "aaaabbb", "bbbbbb"], ["a", "abb", "aabbbb"]),
      ("root ::= [\\]\\-^] [+-]", ["]-", "^+", "-+"], ["a+", "--+"]),
      // Behind a count that takes something a rule may come to itself.
      ("root ::= \"a\"{1,4} \"b\" root | \"a\"{1,4} root | \"x\"", ["x", "aabx", "aaaax"], ["", "aab", "bx"]),
      ("root ::= even\neven ::= \"\" | \"a\" odd\nodd ::= \"a\" even", ["", "aa", "aaaa"], ["a", "aaa"]),
    ] as [(String, [String], [String])])
  func matches(_ source: String, _ right: [String], _ wrong: [String]) throws {
    let grammar = try Grammar(gbnf: source)
    for text in right { #expect(try grammar.matches(text), "\(text.debugDescription)") }
    for text in wrong { #expect(try !grammar.matches(text), "\(text.debugDescription)") }
  }

  /// Every border between lengths of UTF-8, and a few that are none, against the numbers themselves.
  /// Rules of the same names stay apart.
  @Test func goesIntoAnother() throws {
    var rules = try Grammar(gbnf: "root ::= x x\nx ::= \"a\"").rules
    let other = try Grammar(gbnf: "root ::= \"<\" x? \">\"\nx ::= root | \"b\" | [c]{2}").rules
    let first = rules.root
    let both = try rules.number(of: "both")
    rules.define(both, .choice([.rule(first), try rules.add(other)]))
    rules.root = both
    let grammar = try Grammar(rules)
    for text in ["aa", "<>", "<b>", "<<<cc>>>"] { #expect(try grammar.matches(text), "\(text)") }
    for text in ["a", "b", "<aa>", "<bb>", "aa<>", "<c>"] { #expect(try !grammar.matches(text), "\(text)") }
  }

  @Test func takesExactlyTheCharactersOfAClass() throws {
    let borders: [UInt32] = [
      0, 0x7F, 0x80, 0xBF, 0xC0, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x1F5FF, 0x3FFFF,
      0x40000,
      0x10FFFF,
    ]
    func escaped(_ value: UInt32) -> String {
      let digits = String(value, radix: 16)
      return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
    }
    for low in borders {
      for high in borders where low <= high {
        let grammar = try Grammar(gbnf: "root ::= [\(escaped(low))-\(escaped(high))]")
        for border in borders {
          for value in [border &- 1, border, border + 1] {
            guard let scalar = Unicode.Scalar(value) else { continue }
            #expect(try grammar.matches(String(Character(scalar))) == (low...high ~= value), "\(low) \(high) \(value)")
          }
        }
      }
    }
  }

  @Test(
    arguments: [
      ("root ::= \"a", 1, 10), ("root ::= [a", 1, 10), ("root = \"a\"", 1, 6), ("root ::= \"a\" )", 1, 14),
      ("root ::= (\"a\"", 1, 14),
      ("root ::= \"a\"{2", 1, 15), ("root ::= \"a\"{3,2}", 1, 17), ("root ::= \"\\q\"", 1, 11),
      ("root ::= [z-a]", 1, 14),
      ("root ::= \"a\"\nroot ::= \"b\"", 2, 1), ("root ::= \"\\ud800\"", 1, 17), ("root ::= \"a\"{99999999}", 1, 22),
      ("\n  !", 2, 3),
    ] as [(String, Int, Int)])
  func saysWhereItIsWrong(_ source: String, _ line: Int, _ column: Int) throws {
    let error = try #require(throws: GrammarError.self) { try Grammar(gbnf: source) }
    guard case .syntax(_, let foundLine, let foundColumn) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(foundLine == line && foundColumn == column, "\(error)")
  }

  @Test func refusesWhatCannotBeFollowed() throws {
    func error(_ source: String) -> GrammarError? {
      do throws(GrammarError) { _ = try Grammar(gbnf: source) } catch { return error }
      return nil
    }
    #expect(error("root ::= other") == .unknownRule("other"))
    #expect(error("a ::= \"x\"") == .unknownRule("root"))
    #expect(error("root ::= root \"a\" | \"b\"") == .leftRecursion(rule: "root"))
    #expect(error("root ::= a\na ::= b \"x\" | \"y\"\nb ::= a") != nil)
    // Hidden behind what may be empty.
    #expect(error("root ::= \"a\"? root \"b\" | \"c\"") == .leftRecursion(rule: "root"))
    #expect(error("root ::= (root \"a\")* \"c\"") == .leftRecursion(rule: "root"))
    #expect(error("root ::= \"a\"{0,4} root | \"c\"") == .leftRecursion(rule: "root"))
    #expect(error("root ::= \"a\"?{1,4} root | \"c\"") == .leftRecursion(rule: "root"))
    #expect(error("root ::= \"a\" root") == .matchesNothing)
    #expect(error("root ::= a \"b\"\na ::= \"x\" a") == .matchesNothing)
    // What leads nowhere is no alternative.
    #expect(try Grammar(gbnf: "root ::= \"a\" b | \"c\"\nb ::= \"x\" b").matches("c"))
  }

  /// Grammars written to use up time or memory end with an error or are followed quickly.
  @Test func boundsHostileGrammars() throws {
    func outcome(_ source: String, _ text: String) -> Result<Bool, GrammarError> {
      do throws(GrammarError) { return .success(try Grammar(gbnf: source).matches(text)) } catch {
        return .failure(error)
      }
    }
    let nested = "root ::= " + String(repeating: "(", count: 5000) + "\"a\"" + String(repeating: ")", count: 5000)
    guard case .failure(.syntax) = outcome(nested, "a") else { return #expect(Bool(false)) }
    // 2 to the power of 40 letters, in forty rules.
    let doubling = (0..<40).map { "r\($0) ::= r\($0 + 1) r\($0 + 1)\n" }.joined() + "r40 ::= \"a\"\nroot ::= r0"
    #expect(outcome(doubling, String(repeating: "a", count: 1000)) == .success(false))
    #expect(outcome("root ::= ((\"a\"{1000}){1000}){1000}", String(repeating: "a", count: 5000)) == .success(false))
    #expect(outcome("root ::= (\"a\"? \"a\"?){100000}", String(repeating: "a", count: 50)).isFailureOrTrue)
    // As many ways to read a text as there are bits: one set of stacks holds them all.
    let ambiguous = "root ::= a\na ::= \"x\" a \"y\" | \"x\" a \"z\" | \"x\" a | \"w\""
    let deep = String(repeating: "x", count: 500)
    #expect(outcome(ambiguous, deep + "w" + String(repeating: "y", count: 300)) == .success(true))
    #expect(outcome(ambiguous, deep + "w" + String(repeating: "z", count: 501)) == .success(false))
    let layered =
      (0..<60).map { "r\($0) ::= r\($0 + 1) \"x\" | r\($0 + 1) \"y\"\n" }.joined() + "r60 ::= \"a\"\nroot ::= r0"
    #expect(outcome(layered, "a" + String(repeating: "xy", count: 30)) == .success(true))
    // Right recursion keeps no stack, whatever the length; nesting is bounded.
    #expect(outcome("root ::= \"a\" root | \"\"", String(repeating: "a", count: 200_000)) == .success(true))
    let brackets = "root ::= \"[\" root \"]\" | \"\""
    #expect(
      outcome(brackets, String(repeating: "[", count: 900) + String(repeating: "]", count: 900)) == .success(true))
    #expect(outcome(brackets, String(repeating: "[", count: 90_000)) == .success(false))
    let many = (0..<70_000).map { "r\($0) ::= \"a\"\n" }.joined()
    guard case .failure(.tooLarge) = outcome(many + "root ::= r0", "a") else { return #expect(Bool(false)) }
  }

  /// So much is taken, and one more is not.
  @Test func limits() throws {
    func isTaken(_ grammar: String) -> Bool { (try? Grammar(gbnf: grammar)) != nil }
    let shortest = "root ::= \"a\"\n"
    #expect(isTaken(shortest + String(repeating: "#", count: (1 << 20) - shortest.utf8.count)))
    #expect(!isTaken(shortest + String(repeating: "#", count: (1 << 20) + 1 - shortest.utf8.count)))
    for (count, takes) in [(99, true), (100, false)] {
      #expect(
        isTaken("root ::= " + String(repeating: "(", count: count) + "\"a\"" + String(repeating: ")", count: count))
          == takes)
    }
    #expect(isTaken("root ::= \"a\"{1000000}"))
    #expect(!isTaken("root ::= \"a\"{1000001}"))
    // A letter of a literal is a state.
    func letters(_ count: Int) -> String { "root ::= \"" + String(repeating: "a", count: count) + "\"" }
    #expect(isTaken(letters((1 << 18) - 100)))
    #expect(!isTaken(letters((1 << 18) + 1)))
    func rules(_ count: Int) -> String { (1..<count).map { "r\($0) ::= \"a\"\n" }.joined() + "root ::= r1" }
    #expect(isTaken(rules(65_536)))
    #expect(!isTaken(rules(65_537)))
  }

  @Test(
    arguments: [
      ("start: \"a\" | \"b\"i", ["a", "b", "B"], ["A", "ab", ""]),
      ("start: hi \", \" NAME\nhi: \"Hello\"\n  | \"Hi\"\nNAME: /[A-Z][a-z]+/", ["Hello, Ann", "Hi, Bo"], ["Hi,Bo", "hi, Bo"]),
      (
        "%import common.INT\n%ignore / +/\n?start: expr\nexpr: expr \"+\" term | term\nterm: INT | \"(\" expr \")\"",
        ["1", "1 + 2+(3+ 4)", " 1 "], ["1+", "(1", "1++2"]
      ),
      ("start: a{2,3} b~2 c~1..2\na: \"a\"\nb: \"b\"\nc: \"c\"", ["aabbc", "aaabbcc"], ["abbc", "aabbccc"]),
      ("start: [\"x\"] DIGIT+ // more\n# and more\nDIGIT: \"0\"..\"9\"", ["x1", "12"], ["x", "a1"]),
      ("start: %json {\"type\": \"integer\", \"minimum\": 3} \".\"", ["3."], ["2.", "3"]),
      ("%llguidance {}\nstart: WORD (\",\" WORD)* -> words\nWORD: LETTER+\nLETTER: /[a-z]/i | \"_\"", ["a,B_"], ["a,", "1"]),
      ("start: /a.b/s /c.d/", ["a\nbcxd"], ["a\nbc\nd"]),
      ("start: /[^a-c]x/i", ["dX", "Dx"], ["ax", "Ax"]),
    ] as [(String, [String], [String])])
  func readsLark(_ source: String, _ right: [String], _ wrong: [String]) throws {
    let grammar = try Grammar(source: source)
    for text in right { #expect(try grammar.matches(text), "\(text.debugDescription)") }
    for text in wrong { #expect(try !grammar.matches(text), "\(text.debugDescription)") }
  }

  @Test(
    arguments: [
      ("A.2: \"a\"\nstart: A", 1, 2, "priorities"), ("start: <think>", 1, 8, "tokens"), ("start: x", 1, 8, "not defined"),
      ("start: X\nX: X \"a\"", 2, 4, "holds itself"), ("start: \"abc", 1, 8, "no end"), ("start: a{b}\na: \"x\"", 1, 8, "templates"),
      ("start: a\na[x=3]: \"x\"", 2, 2, "attributes"), ("%foo\nstart: \"a\"", 1, 1, "%foo"), ("start: ((\"a\")", 1, 14, "expected )"),
      ("start: /(?=a)b/", 1, 8, "looking ahead"),
    ] as [(String, Int, Int, String)])
  func saysWhereLarkIsWrong(_ source: String, _ line: Int, _ column: Int, _ reason: String) throws {
    let error = try #require(throws: GrammarError.self) { try Grammar(source: source) }
    guard case .syntax(let found, let foundLine, let foundColumn) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(foundLine == line && foundColumn == column && found.contains(reason), "\(error)")
  }

  /// What stands behind the first name says which kind a grammar is.
  @Test func tellsKindsApart() throws {
    #expect(try Grammar(source: "# a: b\nroot ::= \"a\"").matches("a"))
    #expect(try Grammar(source: "// root ::= x\nstart: \"a\"").matches("a"))
    #expect(throws: GrammarError.unknownRule("start")) { try Grammar(lark: "root: \"a\"") }
  }
}

extension Result where Success == Bool {
  fileprivate var isFailureOrTrue: Bool {
    switch self {
    case .success(let value): value
    case .failure: true
    }
  }
}

/// Grammars are written with fewer parts before they are followed. Their texts are those that a definition of expressions gives.
@Suite struct ExpressionFormTests {
  private indirect enum Expression {
    case text(String)
    case sequence([Expression])
    case choice([Expression])
    case repeated(Expression, Int, Int?)

    static func random(_ random: inout SplitMix64, _ levels: Int) -> Expression {
      func parts() -> [Expression] { (0..<1 + random.next() % 3).map { _ in .random(&random, levels - 1) } }
      switch levels == 0 ? 0 : random.next() % 4 {
      case 0: return .text(["a", "b", "ab", ""][Int(random.next() % 4)])
      case 1: return .sequence(parts())
      case 2: return .choice(parts() + parts())
      default:
        let least = Int(random.next() % 3)
        let most = random.next() % 3 == 0 ? nil : least + Int(random.next() % 3)
        return .repeated(.random(&random, levels - 1), least, most)
      }
    }

    func written(_ bar: String, _ repetition: (Int, Int?) -> String) -> String {
      switch self {
      case .text(let text): "\"\(text)\""
      case .sequence(let parts): parts.map { $0.written(bar, repetition) }.joined(separator: " ")
      case .choice(let parts): "(" + parts.map { $0.written(bar, repetition) }.joined(separator: bar) + ")"
      case .repeated(let body, let least, let most): "(\(body.written(bar, repetition)))\(repetition(least, most))"
      }
    }

    /// Its texts of at most so many characters.
    func texts(_ length: Int) -> Set<String> {
      switch self {
      case .text(let text): return text.count <= length ? [text] : []
      case .choice(let parts): return parts.reduce(into: []) { $0.formUnion($1.texts(length)) }
      case .sequence(let parts): return Expression.joined(parts.map { $0.texts(length) }, length)
      case .repeated(let body, let least, let most):
        let once = body.texts(length)
        var now = Expression.joined(Array(repeating: once, count: least), length)
        var all = now
        // Who repeats more than `length` times repeats nothing.
        for _ in least..<max(least, min(most ?? .max, least + length + 1)) {
          now = Expression.joined([now, once], length)
          all.formUnion(now)
        }
        return all
      }
    }

    private static func joined(_ parts: [Set<String>], _ length: Int) -> Set<String> {
      parts.reduce([""]) { begun, next in
        Set(begun.flatMap { first in next.map { first + $0 } }.filter { $0.count <= length })
      }
    }
  }

  /// Of at most five characters.
  private static let all = (0..<5).reduce(into: [[""]]) { texts, _ in
    texts.append(texts.last!.flatMap { [$0 + "a", $0 + "b"] })
  }.joined()

  @Test func keepTheTexts() throws {
    var random = SplitMix64(seed: 5)
    for _ in 0..<100 {
      let expression = Expression.random(&random, 4)
      let texts = expression.texts(5)
      let source = "root ::= " + expression.written(" | ") { least, most in "{\(least),\(most.map(String.init) ?? "")}" }
      guard let grammar = try? Grammar(gbnf: source) else { continue }
      for text in ExpressionFormTests.all {
        #expect(try grammar.matches(text) == texts.contains(text), "\(source) \(text)")
      }
    }
  }

  @Test(arguments: [
    (#""a" x | "a" x | "b""#, #""a" x | "b""#), (#""a" x "c" | "a" y "c""#, #""a" (x | y) "c""#),
    (#""a" x | "a""#, #""a" x?"#), (#"x "c" | "c""#, #"x? "c""#), (#"[a-c] x | "d" x | [e] x"#, "[a-e] x"),
    (#"x{0,3} | x{2,5} | x{7}"#, "x{0,5} | x{7}"), ("x | (x | y) | y+", "x | y+"), ("(x*)*", "x*"), ("((x?)+)?", "x*"),
    ("(x{1,3}){2,4}", "x{2,12}"), ("(x{2,3}){2}", "(x{2,3}){2}"), (#"x "" y ("a" "b")"#, #"x y "a" "b""#), (#"x | """#, "x?"),
  ])
  func areTheShortest(_ written: String, _ short: String) throws {
    let ends = "\nx ::= \"x\"\ny ::= \"y\""
    let bodies = try [written, short].map { try Grammar(gbnf: "root ::= \($0)\(ends)").rules.bodies }
    #expect(bodies[0] == bodies[1])
  }

  /// Alternatives that each begin alike and end alike, of a rule that calls itself: followed one by one they were 10^7 steps.
  @Test func alternativesAlikeAreFollowedOnce() throws {
    let alike = (0..<600).map { "[^05a]+ list{0,3} \")\($0 % 3)\"" }.joined(separator: " | ")
    let rules = try Grammar(gbnf: "root ::= list\nlist ::= \(alike) | \"(\"").rules
    let short = try Grammar(gbnf: #"root ::= list\#nlist ::= [^05a]+ list{0,3} (")0" | ")1" | ")2") | "(""#).rules
    #expect(rules.bodies == short.bodies)
  }

  @Test func nestingIsBounded() throws {
    func nested(_ count: Int, _ repetition: String) -> String {
      String(repeating: "(", count: count) + "\"a\"" + String(repeating: ")" + repetition, count: count)
    }
    func often(_ count: Int) -> String { String(repeating: "{2,3}", count: count) }
    for (count, repetition) in [(99, ""), (99, often(1)), (33, often(3)), (1, often(100))] {
      _ = try Grammar(gbnf: "root ::= \(nested(count, repetition))")
      _ = try Grammar(lark: "start: \(nested(count, repetition))")
    }
    for (count, repetition) in [(101, ""), (99, often(2)), (34, often(3)), (1, often(101))] {
      #expect(throws: GrammarError.self) { try Grammar(gbnf: "root ::= \(nested(count, repetition))") }
      #expect(throws: GrammarError.self) { try Grammar(lark: "start: \(nested(count, repetition))") }
    }
    // Terminals within terminals, each in parentheses.
    func terminals(_ count: Int) -> String {
      let parentheses = (String(repeating: "(", count: 20), String(repeating: ")", count: 20))
      let rules = (0..<count).map { "T\($0): \(parentheses.0)T\($0 + 1)\(parentheses.1)\n" }
      return "start: T0\n\(rules.joined())T\(count): \"a\"\n"
    }
    #expect(try Grammar(lark: terminals(5)).matches("a"))
    #expect(throws: GrammarError.self) { try Grammar(lark: terminals(60)) }
  }
}
