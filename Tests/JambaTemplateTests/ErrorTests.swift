import JambaSystem
import JambaTemplate
import Testing

/// Errors say what, and where.
@Suite struct ErrorTests {
  private func failure(of source: String, _ context: JSONObject = [:]) -> TemplateError? {
    do throws(TemplateError) {
      _ = try ChatTemplate(source).render(context)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("a\n  {{ x|nope }}", "syntax", 2, 8, "No filter named 'nope'."),
    ("{{ 1 is nope }}", "syntax", 1, 6, "No test named 'nope'."),
    ("é {{ 1 + }}", "syntax", 1, 10, "unexpected 'end of print statement'"),
    ("{% if x %}\n", "syntax", 1, 11, "Unexpected end of template"),
    ("\n{% include 'a' %}", "runtime", 2, 4, "no loader"),
    ("{% block a %}{% endblock %}{% block a %}{% endblock %}", "syntax", 1, 31, "block 'a' defined twice"),
    ("{{ 'abc }}", "syntax", 1, 4, "unexpected char"),
    ("{% nope %}", "syntax", 1, 4, "Encountered unknown tag 'nope'."),
    ("{{ x.y }}", "runtime", 1, 5, "'x' is undefined"),
    ("\n\n{{ 1 + x }}", "runtime", 3, 6, "'x' is undefined"),
    ("{{ {}.a.b }}", "runtime", 1, 8, "'dict object' has no attribute 'a'"),
    ("{{ [].append(1) }}", "runtime", 1, 13, "access to attribute 'append' of 'list' object is unsafe."),
    ("{{ 'a'.encode() }}", "runtime", 1, 7, "'encode' is not supported"),
    ("{{ 'a' + 1 }}", "runtime", 1, 8, "can only concatenate str (not \"int\") to str"),
    ("{% macro m() %}{{ 1 // 0 }}{% endmacro %}\n{{ m() }}", "runtime", 1, 21, "by zero"),
    ("{{ raise_exception('no ' ~ 1) }}", "raised", 1, 19, "no 1"),
    ("{{ 'a' * 1000000000 }}", "limit", 1, 8, "a string of more than"),
    ("{{ \(String(repeating: "9", count: 5000)) }}", "syntax", 1, 4, "Exceeds the limit (4300 digits)"),
    ("{{ 2 ** 1000000 }}", "limit", 1, 6, "an integer of more than"),
  ])
  func saysWhatAndWhere(_ source: String, _ kind: String, _ line: Int, _ column: Int, _ message: String) throws {
    let error = try #require(failure(of: source))
    let found =
      switch error {
      case .syntax: "syntax"
      case .runtime: "runtime"
      case .raised: "raised"
      case .limit: "limit"
      }
    #expect(found == kind)
    #expect(error.message.contains(message), "\(error)")
    #expect(error.position.line == line && error.position.column == column, "\(error)")
    #expect(error.description.contains("line \(line), column \(column): \(error.message)"))
  }

  @Test func printsTheTimeGiven() throws {
    let template = try ChatTemplate("{{ strftime_now(format) }}")
    let now = LocalTime(year: 2024, month: 7, day: 4, hour: 9, minute: 5, second: 7)
    // As Python's datetime(2024, 7, 4, 9, 5, 7).strftime prints them.
    let expected = [
      "%Y-%m-%d": "2024-07-04", "%d %b %Y": "04 Jul 2024", "%A, %B %-d": "Thursday, July 4", "%H:%M:%S": "09:05:07",
      "%I:%M %p": "09:05 AM", "%j %U %W %u %w": "186 26 27 4 4", "%y%%": "24%", "%e|%c": " 4|Thu Jul  4 09:05:07 2024",
      "%D %T %F %R": "07/04/24 09:05:07 2024-07-04 09:05", "é": "é", "": "", "%G %g %V": "2024 24 27",
      "%^a %^B %#p %#Z|": "THU JULY am |", "%_d|%-d|%05d|%6Y|%10B|%_j": " 4|4|00004|002024|      July|186",
      "%Ey %Od %Q %": "24 04 %Q %",
    ]
    for (format, output) in expected {
      #expect(try template.render(["format": .string(format)], now: now) == output)
    }
    #expect(LocalTime.current().year >= 2024)
  }

  /// Renderings of one template do not touch each other.
  @Test func rendersOnManyThreads() async throws {
    let template = try ChatTemplate(
      "{% set ns = namespace(n=0) %}{% for i in range(100) %}{% set ns.n = ns.n + n %}{% endfor %}{{ ns.n }}")
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for n in 0..<64 {
        group.addTask { try template.render(["n": .integer(n)]) == String(n * 100) }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }
}
