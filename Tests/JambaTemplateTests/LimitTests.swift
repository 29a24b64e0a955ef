import Foundation
import JambaTemplate
import Testing

/// Templates that try to use up time, memory or the stack end with an error.
@Suite struct LimitTests {
  static let greedy = [
    "{{ 'a' * 1000000000 }}",
    "{{ 'a' * 9223372036854775807 }}",
    "{{ [0] * 9223372036854775807 }}",
    "{{ [0] * 1000000000 }}",
    "{{ [[0] * 1000000] * 1000000 }}",
    "{{ range(1000000000000) }}",
    "{{ range(-9223372036854775807 - 1, 9223372036854775807) }}",
    "{{ range(0, 9223372036854775807, 9223372036854775807)|list }}{{ 1/0 }}",
    "{{ 9223372036854775807 ** 9223372036854775807 }}",
    "{{ 2 ** 131073 }}",
    "{{ 2 ** 100000 }}",
    "{{ (2 ** 100000)|string }}",
    "{{ '%d' % (2 ** 100000) }}",
    "{% set ns = namespace(n=3) %}{% for i in range(100) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
    "{% set n = 2 ** 100000 %}{% for i in range(100000) %}{{ n * n // n == n }}{% endfor %}",
    "{% for a in [[1]] recursive %}{{ loop([a]) }}{% endfor %}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    "{% set ns = namespace(l=[], s='a' * 1000000) %}{% for i in range(100000) %}{% set ns.s = ns.s ~ 'b' %}{% set ns.l = ns.l + [ns.s] %}{% endfor %}",
    "{{ 'x'.center(9223372036854775807) }}",
    "{{ 'x'.ljust(100000000000) }}",
    "{{ 'x'.zfill(100000000000) }}",
    "{{ '%99999999999d' % 1 }}",
    "{{ '%*d' % (9223372036854775807, 1) }}",
    "{{ '%.99999999999f' % 1 }}",
    "{{ '{:99999999999}'.format(1) }}",
    "{{ 'a'|indent(9223372036854775807) }}",
    "{{ [1]|tojson(indent=9223372036854775807) }}",
    "{{ '\t'.expandtabs(9223372036854775807) }}",
    "{{ [1]|batch(9223372036854775807, 0)|list }}",
    "{{ [1]|slice(9223372036854775807)|list }}",
    "{{ l|slice(1000000)|list }}",
    "{{ ([0] * 1000000)|batch(1)|list }}",
    "{{ '{:42949295}'.format('a') }}",
    "{% set ns = namespace(t='') %}{% for i in range(3000) %}{% set ns.t = ns.t + '[user]' + 'x' * 1000000 %}{% endfor %}{{ ns.t|length }}",
    "{% set ns = namespace(t='') %}{% for i in range(65536) %}{% set ns.t = ns.t ~ '[user]' ~ 'x' * 300 %}{% endfor %}{{ ns.t|length }}",
    "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s.replace('a', 'aa') %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s.join([ns.s, ns.s]) %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}",
    "{% set ns = namespace(s={}) %}{% for i in range(100000) %}{% set ns.s = {'a': ns.s} %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(100000) %}{% set ns.s = ns.s|map('string') %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(100000) %}{% set ns.s = [1]|map('default', ns.s) %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(100000) %}{% set ns.s = [1]|select('in', ns.s) %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(100000) %}{% set ns.s = (ns.s, {}.get) %}{% endfor %}",
    "{% set ns = namespace(s=1) %}{% for i in range(100000) %}{% set ns.s = cycler(ns.s) %}{% endfor %}",
    "{% set ns = namespace(s=1) %}{% for i in range(100000) %}{% set ns.s = joiner(ns.s) %}{% endfor %}{{ 1 / 0 }}",
    "{% set ns = namespace(s=1) %}{% for i in range(100000) %}{% for x in [ns.s] %}{% set ns.s = loop %}{% endfor %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.s = ns %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.s = [ns] %}{{ ns }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{{ caller() }}{% call m(n + 1) %}{{ caller() }}{% endcall %}{% endmacro %}{% call m(1) %}{% endcall %}",
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% for a in range(100000) %}{% for b in range(100000) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}{% endfor %}",
    "{% set s = 'a' * 60000000 %}{{ s }}{{ s }}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% if (s ~ 'b') == (s ~ 'c') %}{% endif %}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s is lower }}{{ s|length }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s[5] }}{{ 'b' in s }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s.find('aab') }}{{ s.count('aab') }}{% endfor %}",
    "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s.strip() == s.upper() }}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in range(100000) %}{{ -1 in l }}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in range(100000) %}{{ l|sort|first }}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in range(100000) %}{{ l|sum }}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in range(100000) %}{{ l|string|length }}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in range(100000) %}{{ l|tojson|length }}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in range(100000) %}{% set m = l[::-1] %}{% endfor %}",
    "{% set l = range(100000)|list %}{% for i in range(100000) %}{% set m = dict(a=l, b=l|map('string')|list) %}{% endfor %}",
    "{% set s = ('a' * 5000 ~ 'b') * 50 %}{% for i in range(100000) %}{{ s.split('a' * 5001) }}{{ ('a' * 5001) in s }}{% endfor %}",
    "{% set d = dict(a=1) %}{% for i in range(100000) %}{% set n = namespace(a=range(100000)|list) %}{% endfor %}",
  ]

  /// A tenth of the limit, to be quick in a debug build; with JAMBA_FULL_LIMITS set, the limit itself.
  static let work =
    ProcessInfo.processInfo.environment["JAMBA_FULL_LIMITS"] == nil ? TemplateLimits.work / 10 : TemplateLimits.work

  @Test(arguments: greedy)
  func endsWithAnError(_ source: String) throws {
    #expect(throws: TemplateError.self) { try ChatTemplate(source).render([:], maximumWork: Self.work) }
  }

  /// Where a rendering ends depends on its steps and on no clock: so many are enough, and one fewer is not.
  @Test func stepsAreCounted() throws {
    #expect(TemplateLimits.work == 10_000_000)
    let needed = try [1000, 2000, 3000].map { count in
      let template = try ChatTemplate("{% for i in range(\(count)) %}{{ i + 1000 }}{% endfor %}")
      func renders(_ work: Int) -> Bool { (try? template.render([:], maximumWork: work)) != nil }
      var (tooFew, enough) = (count, 100 * count)
      #expect(!renders(tooFew) && renders(enough))
      while enough - tooFew > 1 {
        let middle = (tooFew + enough) / 2
        if renders(middle) { enough = middle } else { tooFew = middle }
      }
      return enough
    }
    #expect(needed[2] - needed[1] == needed[1] - needed[0])
  }

  /// So much is taken, and one more is not.
  @Test func limits() {
    func expect(_ taken: String, _ refused: String, _ reason: String) {
      func error(_ source: String) -> String {
        do throws(TemplateError) {
          _ = try ChatTemplate(source).render([:])
          return ""
        } catch { return error.message }
      }
      #expect(error(taken) == "", "\(taken.prefix(80))")
      #expect(error(refused).contains(reason))
    }
    func text(_ count: Int) -> String { String(repeating: "a", count: count) }
    expect(text(4 << 20), text(4 << 20 + 1), "4194304 bytes")
    func blocks(_ count: Int) -> String {
      String(repeating: "{% if 1 %}", count: count) + String(repeating: "{% endif %}", count: count)
    }
    // The condition of the innermost takes three levels.
    expect(blocks(97), blocks(98), "deeper than 100")
    expect("{{ ('a' * 16777216)|length }}", "{{ ('a' * 16777217)|length }}", "16777216 bytes")
    expect("{{ [1]|slice(65536)|list|length }}", "{{ [1]|slice(65537)|list|length }}", "more than 65536")
    expect("{{ range(65536)|batch(1)|list|length }}", "{{ range(65537)|batch(1)|list|length }}", "more than 65536")
    expect("{{ ([0] * 524288)|length }}", "{{ ([0] * 524289)|length }}", "524288 elements")
    // Squared 16 times, 2 has 65,537 bits.
    func product(_ factors: String) -> String {
      "{% set n = namespace(x=2) %}{% for i in range(16) %}{% set n.x = n.x * n.x %}{% endfor %}{{ \(factors) > 0 }}"
    }
    expect(product("n.x * (n.x // 2)"), product("n.x * n.x"), "131072 bits")
    func calls(_ count: Int) -> String {
      "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(\(count)) }}"
    }
    expect(calls(50), calls(400), "deeper than 400")
  }

  /// Values that refer to one another in long chains, or in circles, are released one by one.
  @Test(arguments: [
    "{% for x in [1] %}{{ 'a' if loop.changed(ns.s) }}{% set ns.s = loop %}{% endfor %}",
    "{% for x in [ns]|map(attribute='s') %}{% if loop.first %}{% set ns.s = loop %}{% endif %}{% endfor %}",
    "{% for x in [ns]|map(attribute='s') if loop %}{% set ns.s = loop %}{% endfor %}",
    "{% for x in [1] %}{% set ns.s = loop.cycle %}{% endfor %}",
    "{% set ns.s = namespace(a=ns.s) %}", "{% set ns.s = namespace(a=ns.s, b=ns) %}", "{% set ns.s = [ns.s]|first %}",
    "{% macro m(a) %}{% macro n() %}{{ a }}{% endmacro %}{% set ns.s = n %}{% endmacro %}{% set _ = m(ns.s) %}",
    "{% macro m(a) %}{% call(b) k(a) %}{{ a }}{% endcall %}{% endmacro %}"
      + "{% macro k(a) %}{% set ns.s = caller %}{% endmacro %}{% set _ = m(ns.s) %}",
    "{% set ns.s = ns.s|reverse %}", "{% set ns.s = ns.s|list %}",
    "{% for x in [ns.s] recursive %}{% set ns.s = loop %}{% endfor %}", "{% set ns.s = ns.s|batch(2) %}",
  ])
  func releasesLongChains(_ step: String) throws {
    let source = "{% set ns = namespace(s=[1]) %}{% for i in range(30000) %}" + step + "{% endfor %}x"
    do throws(TemplateError) {
      let output = try ChatTemplate(source).render([:])
      #expect(output.hasSuffix("x"))
    } catch {
      #expect(!error.message.isEmpty)
    }
  }

  @Test(arguments: [
    String(repeating: "(", count: 100_000), String(repeating: "[", count: 100_000),
    String(repeating: "not ", count: 100_000), String(repeating: "-", count: 100_000),
    String(repeating: "{1:", count: 100_000), String(repeating: "1 if 1 else ", count: 100_000),
    String(repeating: "a(", count: 100_000), String(repeating: "a[", count: 100_000),
    String(repeating: "a is b ", count: 100_000), String(repeating: "a|b(", count: 100_000),
    String(repeating: "a ** -", count: 100_000), String(repeating: "a is in [", count: 100_000),
  ])
  func refusesDeepExpressions(_ expression: String) {
    #expect(throws: TemplateError.self) { try ChatTemplate("{{ " + expression) }
    #expect(throws: TemplateError.self) { try ChatTemplate("{% set a = " + expression) }
    #expect(throws: TemplateError.self) { try ChatTemplate("{% set " + expression) }
  }

  @Test(arguments: [
    "{% if 1 %}", "{% for a in b %}", "{% macro a() %}", "{% set a %}", "{% filter upper %}", "{% with %}",
    "{% call a() %}", "{% generation %}", "{% if 1 %}{% else %}", "{% for a in b recursive %}", "{% block a %}",
    "{% autoescape true %}",
  ])
  func refusesDeepBlocks(_ block: String) {
    #expect(throws: TemplateError.self) { try ChatTemplate(String(repeating: block, count: 100_000)) }
  }

  /// Chains are not nesting: they may be long.
  @Test func takesLongChains() throws {
    let sum = Array(repeating: "1", count: 10_000).joined(separator: " + ")
    #expect(try ChatTemplate("{{ \(sum) }}").render([:]) == "10000")
    let filters = "'a'" + String(repeating: "|upper", count: 10_000)
    #expect(try ChatTemplate("{{ \(filters) }}").render([:]) == "A")
    let branches = String(repeating: "{% elif false %}", count: 10_000)
    #expect(try ChatTemplate("{% if false %}\(branches){% else %}x{% endif %}").render([:]) == "x")
  }

  @Test func nestsAsDeepAsPromptsNeed() throws {
    let list = String(repeating: "[", count: 30) + String(repeating: "]", count: 30)
    #expect(try ChatTemplate("{{ \(list) }}").render([:]) == list)
    let recursive = "{% macro m(n) %}{% if n > 0 %}{{ n }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}"
    #expect(try ChatTemplate(recursive).render([:]).hasSuffix("4321"))
  }
}
