import JambaConvert
import JambaSystem
import TestSupport
import Testing

/// Patterns of PEFT's settings, beside what PEFT itself says.
@Suite struct ModulePatternTests {
  @Test func matchesAreThoseOfTheReference() throws {
    let json = try JSON.parse(bytes(of: Fixtures.adapter("patterns.json")))
    let names = try #require(json["names"]?.array).compactMap(\.string)
    var count = 0
    for row in try #require(json["patterns"]?.array) {
      let (text, expected) = (try #require(row.array?[0].string), row.array?[1].array?.compactMap(\.bool))
      do throws(ModulePattern.Fault) {
        let pattern = try ModulePattern(text)
        #expect(expected == names.map { pattern.matches($0) }, "\(text)")
        count += 1
      } catch {
        #expect(expected == nil, "\(text): \(error.reason)")
      }
    }
    #expect(count > 100)
  }

  @Test func largePatternsEnd() throws {
    let name = String(repeating: "a", count: 400)
    #expect(try !ModulePattern("(a*)*(a|a)*(a*a*)*b").matches(name))
    #expect(try ModulePattern("(a|aa)+").matches(name))
    for text in [
      String(repeating: "(", count: 5000), String(repeating: "(", count: 100) + String(repeating: ")", count: 100),
      "((a{1000}){1000}){1000}", "((){20000}){20000}", "(a{0,20000}){0,20000}", "a{99999999999999999999}",
      String(repeating: "a", count: 5000),
    ] {
      #expect(throws: ModulePattern.Fault.self, "\(text.prefix(20))") { try ModulePattern(text) }
    }
    // So much is taken, and one more is not. What may precede a pattern, and its end, take five steps.
    func isTaken(_ text: String) -> Bool { (try? ModulePattern(text)) != nil }
    #expect(isTaken(String(repeating: "a", count: 4096)) && !isTaken(String(repeating: "a", count: 4097)))
    #expect(isTaken("a{19995}") && !isTaken("a{19996}"))
  }
}
