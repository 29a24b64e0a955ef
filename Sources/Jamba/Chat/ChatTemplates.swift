import JambaFormat
import JambaSystem
import JambaTemplate

/// The chat templates that a file holds: chat_template.jinja, or those of tokenizer_config.json, a string or a list of
/// named ones.
struct ChatTemplates {
  private(set) var standard: ChatTemplate?
  private(set) var forTools: ChatTemplate?
  /// All of them, one behind the other: what they say about answers.
  private(set) var source = ""

  /// - Parameter override: a template to use instead.
  init(_ file: JambaFile, override: String?) throws(JambaError) {
    if let override {
      standard = try add(override)
      return
    }
    let document: [UInt8]?
    let settings: JSON?
    do {
      document = try file.document(DocumentName.chatTemplate)
      settings = try file.json(DocumentName.tokenizerConfiguration)
    } catch { throw .format(error) }
    if let document { standard = try add(String(decoding: document, as: UTF8.self)) }
    for named in settings?["chat_template"]?.array ?? [] {
      if named["name"]?.string == "tool_use", let source = named["template"]?.string { forTools = try add(source) }
    }
  }

  private mutating func add(_ source: String) throws(JambaError) -> ChatTemplate {
    self.source += source
    do { return try ChatTemplate(source) } catch { throw .template(error) }
  }
}
