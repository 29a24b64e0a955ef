import Foundation
import JambaSystem
import JambaTemplate
import TestSupport

extension FuzzTarget {
  /// A chat template, rendered for conversations with and without tools.
  static let chatTemplate = FuzzTarget(
    "template",
    dictionary: [
      "{{", "}}", "{%", "%}", "{#", "#}", "-%}", "{%- ", "|", " if ", " else ", " for ", " in ", " not ", " is ",
      " and ", " or ",
      "loop.last", "loop.nextitem", "namespace(a=1)", "range(99999)", "caller()", "varargs", "kwargs", "none", "true",
      "1e308",
      "9223372036854775807", "99999999999999999999", "messages", "tools", "|length", "|list", "|tojson(indent=4)",
      "|map('upper')",
      "|map(attribute='a')", "|sort", "|reverse", "|batch(2)", "|slice(2)", "|groupby('role')", "|round(400)",
      "|indent(9)",
      "|truncate(3)", "|wordwrap(2)", "|urlize", "|center(80)", "|format(1)", "|replace('a', 'bb')", "|pprint",
      "|unique", "|sum",
      "[::-1]", "[-1]", "[::-9223372036854775807]", ".items()", ".split()", ".strip()", ".format(", "'%s'%",
      "'%5d'%(1,)", "{:5}",
      "{{ 2**64 }}", "*9", "~", "{% endif %}", "{% endfor %}", "{% else %}", "{% break %}", "{% continue %}",
      "{% set x = 1 %}",
      "{% set x %}", "{% endset %}", "{% macro m(a, b=1) %}", "{% endmacro %}", "{{ m() }}", "{% call m() %}",
      "{% endcall %}",
      "{% raw %}", "{% endraw %}", "{% for x in messages recursive %}", "{{ loop(messages) }}", "{% filter upper %}",
      "{% endfilter %}",
      "{% generation %}", "{% endgeneration %}", "{% with a = 1 %}", "{% endwith %}", "raise_exception('a')",
      "strftime_now('%d')",
    ], shortCount: 3000,
    fixtures: {
      let folder = Fixtures.repository + "/Tests/JambaTemplateTests/Fixtures/"
      let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      let templates = try files.filter { $0.hasSuffix(".jinja") }.map { try bytes(of: folder + $0) }
      let cases = try bytes(of: folder + "cases.jsonl").split(separator: 10).compactMap {
        try JSON.parse($0)["template"]?.string
      }
      return templates + cases.map { Array($0.utf8) }
    },
    run: { bytes in
      guard let template = try? ChatTemplate(text(bytes)) else { return }
      for context in contexts {
        _ = try? template.render(context, now: LocalTime(year: 2024, month: 2, day: 29), maximumWork: work)
      }
    })

  /// A tenth of what a template may do: an input is to take little time.
  private static let work = TemplateLimits.work / 10

  private static let contexts: [JSONObject] = [
    """
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello <b>"}],
     "add_generation_prompt": true, "bos_token": "<s>", "x": [3, 1, 2], "d": {"b": 1, "a": [1.5, null]}, "s": "A text"}
    """,
    """
    {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": null, "tool_calls": [{"type": "function",
     "function": {"name": "f", "arguments": {"a": 1}}}]}, {"role": "tool", "content": "1"}],
     "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}}]}
    """,
  ].map { (try? JSON.parse($0))?.object ?? [:] }
}
