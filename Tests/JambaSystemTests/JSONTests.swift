import JambaSystem
import Testing

@Suite struct JSONTests {
  @Test(arguments: [
    ("null", "null"), (" true ", "true"), ("[1, -2,3.5e3]", "[1,-2,3500.0]"), ("{\"b\":1,\"a\":[]}", "{\"b\":1,\"a\":[]}"),
    (#""\u00e9\n\"\\\ud83d\ude42""#, "\"é\\n\\\"\\\\🙂\""), ("1e400", "1e400"), ("-1E+999", "-1E+999"), ("-0", "0"),
    ("18446744073709551616", "18446744073709551616"), ("-9223372036854775809", "-9223372036854775809"), ("{}", "{}"), ("1e16", "1e+16"), ("123456789012345680.0", "1.2345678901234568e+17"),
    ("0.0001", "0.0001"), ("0.00001", "1e-05"), ("1234567.0", "1234567.0"),
  ])
  func parsesAndPrints(text: String, printed: String) throws {
    #expect(try JSON.parse(text).text() == printed)
  }

  @Test(arguments: [
    "", " ", "nul", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "{\"a\":1,\"a\":2}", "\"", "\"\\x\"", "\"\\u12\"",
    "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\u{01}\"", "01", "1.", ".5", "+1", "1e", "NaN", "[1]]", "tru", "-",
  ])
  func refuses(text: String) {
    #expect(throws: JSONError.self) { try JSON.parse(text) }
  }

  @Test func refusesInvalidUTF8() {
    #expect(throws: JSONError.self) { try JSON.parse([0x22, 0xFF, 0x22]) }
    #expect(throws: JSONError.self) { try JSON.parse([0x22, 0xC3, 0x22]) }
  }

  /// Members keep their order, whichever goes or changes. Two spellings of é are two names.
  @Test func membersAreSetAndRemoved() {
    var object: JSONObject = ["c": .integer(1), "a": .integer(2), "\u{E9}": .integer(3), "e\u{301}": .integer(4)]
    #expect(!object.insertNew("a", .integer(9)) && object["a"] == .integer(2))
    object["a"] = .integer(5)
    object["z"] = .integer(6)
    object["c"] = nil
    object["none"] = nil
    #expect(object.keys.map { Array($0.utf8) } == ["a", "\u{E9}", "e\u{301}", "z"].map { Array($0.utf8) })
    #expect(object.members.map(\.value) == [5, 3, 4, 6].map { .integer($0) } && object.count == 4)
    #expect(["c", "a", "\u{E9}", "e\u{301}", "z"].map { object[$0]?.integer } == [nil, 5, 3, 4, 6])
  }

  @Test func depthIsBounded() throws {
    let deep = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try JSON.parse(deep(JSON.maximumDepth))
    #expect(throws: JSONError.self) { try JSON.parse(deep(JSON.maximumDepth + 1)) }
    #expect(throws: JSONError.self) { try JSON.parse(deep(1_000_000)) }
  }

  /// é as one scalar and as two are equal to Swift, and two names to a file.
  @Test func namesAreComparedByBytes() throws {
    let object = try #require(try JSON.parse("{\"\u{E9}\": 1, \"e\u{301}\": 2}").object)
    #expect(object.count == 2)
    #expect(object["\u{E9}"] == .integer(1))
    #expect(object["e\u{301}"] == .integer(2))
  }

  @Test func styles() throws {
    let value = try JSON.parse("{\"a\":[1,2],\"b\":{}}")
    #expect(value.text(.spaced) == "{\"a\": [1, 2], \"b\": {}}")
    #expect(value.text(.indented(2)) == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}")
  }
}
