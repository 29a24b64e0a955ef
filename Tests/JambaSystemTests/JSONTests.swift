import JambaSystem
import Testing

@Suite struct JSONTests {
  @Test(arguments: [
    ("null", "null"), (" true ", "true"), ("[1, -2,3.5e3]", "[1,-2,3500.0]"), ("{\"b\":1,\"a\":[]}", "{\"b\":1,\"a\":[]}"),
    (#""\u00e9\n\"\\\ud83d\ude42""#, "\"é\\n\\\"\\\\🙂\""), ("1e400", "Infinity"), ("-0", "0"),
    ("18446744073709551616", "18446744073709551616"), ("{}", "{}"), ("1e16", "1e+16"), ("123456789012345680.0", "1.2345678901234568e+17"),
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
