import Foundation
import JambaSystem
import JambaTemplate
import Testing

/// Damaged templates: whatever the source, reading and rendering return or throw.
@Suite struct MutationTests {
  /// As many as take a few seconds; JAMBA_MUTATIONS asks for more.
  static var count: Int { ProcessInfo.processInfo.environment["JAMBA_MUTATIONS"].flatMap { Int($0) } ?? 20_000 }

  @Test func damagedTemplatesReturnOrThrow() throws {
    var sources: [[UInt8]] = []
    for name in Fixtures.names {
      sources.append(Array(try Fixtures.text(Fixtures.folder.appending(path: "\(name).jinja")).utf8))
    }
    let lines = try Fixtures.lines(Fixtures.folder.appending(path: "cases.jsonl"))
    for line in lines { sources.append(Array((line["template"]?.string ?? "").utf8)) }
    var contexts: [JSONObject] = []
    for name in Fixtures.names {
      for line in try Fixtures.lines(Fixtures.folder.appending(path: "\(name).expected.jsonl")) {
        if let context = line["context"]?.object { contexts.append(context) }
      }
    }
    for line in lines { if let context = line["context"]?.object, context.count > 1 { contexts.append(context) } }

    var random = SplitMix64(state: 20_240_704)
    var rendered = 0
    for _ in 0..<Self.count {
      let source = Mutation.mutate(sources, &random)
      do throws(TemplateError) {
        _ = try ChatTemplate(source).render(contexts[random.below(contexts.count)])
        rendered += 1
      } catch {
        #expect(!error.description.isEmpty)
      }
    }
    // Both outcomes must be common for this to test anything.
    #expect(rendered > Self.count / 20)
    #expect(rendered < Self.count)
  }
}

/// The generator of Steele, Lea and Flood (2014): small, and the same everywhere.
struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// Ways to damage a template.
enum Mutation {
  private static let pieces = [
    "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "|", "(", ")", "[", "]", "{", "}", "\"", "'", "\\", ",", ":", ".", "=",
    "==", "*", "**", "//", "%", "~", " if ", " else ", " for ", " in ", " not ", " is ", " and ", " or ", "loop", "loop.last",
    "loop.nextitem", "namespace", "range(", "caller()", "varargs", "kwargs", "none", "true", "0", "1", "-1", "1.5", "1e308",
    "9223372036854775807", "99999999999999999999", "messages", "tools", "x", "l", "d", "s", "|length", "|list", "|tojson",
    "|map('upper')", "|map(attribute='a')", "|first", "|last", "|int", "|string", "|join", "|sort", "|reverse", "|batch(2)",
    "|slice(2)", "|groupby('role')", "|round(400)", "|indent(9)", "|truncate(3)", "|format(1)", "[::-1]", "[1:]", "[-1]",
    "[9223372036854775807]", "[::-9223372036854775807]", ".items()", ".split()", ".strip()", ".format(", "%s", "%5d", "{:5}",
    "{% endif %}", "{% endfor %}", "{% else %}", "{% break %}", "{% continue %}", "{% set x = 1 %}", "{% set x %}",
    "{% endset %}", "{% macro m(a, b=1) %}", "{% endmacro %}", "{{ m() }}", "{% call m() %}", "{% endcall %}", "{% raw %}",
    "{% endraw %}", "{% generation %}", "{% endgeneration %}", "{% with a = 1 %}", "{% endwith %}", "\n", "\r\n", "\u{0}",
    "é", "e\u{301}", "🙂", "\u{2028}", "ß", "Σ",
  ].map { Array($0.utf8) }

  static func mutate(_ sources: [[UInt8]], _ random: inout SplitMix64) -> String {
    var bytes = sources[random.below(sources.count)]
    for _ in 0...random.below(4) {
      let position = random.below(bytes.count + 1)
      let length = min(random.below(random.below(2) == 0 ? 4 : 40), bytes.count - position)
      switch random.below(8) {
      case 0: bytes.removeSubrange(position..<(position + length))
      case 1: bytes = Array(bytes[..<position])
      case 2: bytes.insert(contentsOf: bytes[position..<(position + length)], at: position)
      case 3:
        let other = sources[random.below(sources.count)]
        let start = random.below(other.count + 1)
        let count = min(random.below(60), other.count - start)
        bytes.insert(contentsOf: other[start..<(start + count)], at: position)
      case 4 where position < bytes.count: bytes[position] = UInt8(truncatingIfNeeded: random.next())
      case 5:
        bytes.replaceSubrange(position..<(position + length), with: pieces[random.below(pieces.count)])
      default: bytes.insert(contentsOf: pieces[random.below(pieces.count)], at: position)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
