import JambaSystem

/// A chat template: a conversation in, the model's prompt out.
///
/// The language is Jinja as chat templates use it, with the settings of the reference implementation (sandboxed and
/// immutable, `trim_blocks`, `lstrip_blocks`, `break` and `continue`, `generation` blocks, `raise_exception`,
/// `strftime_now`, a `tojson` that does not escape HTML). Inclusion and inheritance are refused, and a template is bounded
/// in time and memory: see `TemplateLimits`.
///
/// ```swift
/// let template = try ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
/// let prompt = try template.render(["messages": messages])
/// ```
///
/// A template is immutable: any number of threads may render it at once.
public struct ChatTemplate: Sendable {
  /// The text of the template.
  package let source: String
  private let program: Program

  /// Reads a template. Throws `.syntax` with a place, or `.limit`.
  public init(_ source: String) throws(TemplateError) {
    self.source = source
    program = try Resolver.resolve(Parser.parse(source))
  }

  /// Renders the template.
  ///
  /// - Parameters:
  ///   - context: The template's variables: `messages`, `tools`, `add_generation_prompt`, `bos_token` and so on.
  ///   - now: What `strftime_now` prints.
  public func render(_ context: JSONObject, now: LocalTime = .current()) throws(TemplateError) -> String {
    try render(context, now: now, maximumWork: TemplateLimits.work)
  }

  package func render(
    _ context: JSONObject, now: LocalTime = .current(), maximumWork: Int
  ) throws(TemplateError) -> String {
    let variables = Value.Dictionary()
    for (key, value) in context.members { try variables.set(.string(key), Value(value)) }
    return try Interpreter(program: program, context: variables, now: now, maximumWork: maximumWork).render()
  }
}
