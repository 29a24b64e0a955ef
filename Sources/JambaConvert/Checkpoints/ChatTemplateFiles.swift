import JambaFormat
import JambaSystem
import JambaTemplate

/// A checkpoint's chat templates: one for conversations, and others that have names.
struct ChatTemplateFiles {
  /// The default one.
  let standard: String?
  /// The others, by name.
  let named: [(name: String, source: String)]

  /// The name of the template for conversations with tools, the one that is chosen besides the default.
  private static let forTools = "tool_use"
  private static let standardName = "default"
  private static let folder = "additional_chat_templates"

  init(standard: String?, named: [(name: String, source: String)]) {
    self.standard = standard
    self.named = named
  }

  /// Those of a folder: chat_template.jinja and additional_chat_templates/NAME.jinja, or else what tokenizer_config.json says,
  /// a text or a list.
  init(_ path: String, settings: JSON?) throws(ConversionError) {
    func text(_ name: String) throws(ConversionError) -> String? {
      try HuggingFaceFolder.contents(of: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
    }
    var named: [(name: String, source: String)] = []
    for name in FileSystem.names(in: path + "/" + ChatTemplateFiles.folder) where name.hasSuffix(".jinja") {
      if let source = try text(ChatTemplateFiles.folder + "/" + name) {
        named.append((String(name.dropLast(".jinja".count)), source))
      }
    }
    let own = try text(DocumentName.chatTemplate)
    if own != nil || !named.isEmpty {
      self.init(standard: own ?? settings?["chat_template"]?.string, named: named)
      return
    }
    let list = ChatTemplateFiles.list(settings)
    self.init(
      standard: settings?["chat_template"]?.string
        ?? list.first { $0.name == ChatTemplateFiles.standardName }?.source,
      named: list.filter { $0.name != ChatTemplateFiles.standardName })
  }

  /// Those of a GGUF file, whose names are in a list beside them.
  init(_ parts: GGUFParts) {
    let key = "tokenizer.chat_template"
    func source(_ name: String) -> String? { parts[key + "." + name]?.text }
    let names = parts[key + "s"]?.texts ?? []
    self.init(
      standard: parts[key]?.text ?? source(ChatTemplateFiles.standardName),
      named: names.filter { $0 != ChatTemplateFiles.standardName }.compactMap { name in source(name).map { (name, $0) }
      })
  }

  /// Those that a file holds.
  init(_ documents: [CheckpointDocument]) {
    func bytes(_ name: String) -> [UInt8]? { documents.first { $0.name == name }?.bytes }
    let settings = bytes(DocumentName.tokenizerConfiguration).flatMap { try? JSON.parse(python: $0) }
    self.init(
      standard: bytes(DocumentName.chatTemplate).map { String(decoding: $0, as: UTF8.self) },
      named: ChatTemplateFiles.list(settings).filter { $0.name != ChatTemplateFiles.standardName })
  }

  private static func list(_ settings: JSON?) -> [(name: String, source: String)] {
    (settings?["chat_template"]?.array ?? []).compactMap { entry in
      guard let name = entry["name"]?.string, let source = entry["template"]?.string else { return nil }
      return (name, source)
    }
  }

  /// The settings as the file holds them, where the runtime looks for templates with names.
  func settings(_ settings: JSON?) -> JSON? {
    guard settings == nil || settings?.object != nil else { return settings }
    let stored = ChatTemplateFiles.list(settings).filter { $0.name != ChatTemplateFiles.standardName }
    guard !stored.elementsEqual(named, by: { $0 == $1 }) else { return settings }
    var changed = settings?.object ?? [:]
    changed["chat_template"] = .array(
      named.map { .object(["name": .string($0.name), "template": .string($0.source)]) })
    return .object(changed)
  }

  /// What should be known of them: sentences without a full stop.
  var notes: [String] {
    var notes: [String] = []
    for (name, source) in [(ChatTemplateFiles.standardName, standard)] + named.map({ ($0.name, Optional($0.source)) }) {
      guard let source, name == ChatTemplateFiles.standardName || name == ChatTemplateFiles.forTools else { continue }
      do throws(TemplateError) { _ = try ChatTemplate(source) } catch {
        notes.append(
          "the chat template\(name == ChatTemplateFiles.forTools ? " for tools" : "") cannot be used, so that a chat needs another one "
            + "(--chat-template): \(error)")
      }
    }
    let others = named.map(\.name).filter { $0 != ChatTemplateFiles.forTools }
    if !others.isEmpty {
      notes.append(
        "of the chat templates, \(others.joined(separator: ", ")) \(others.count == 1 ? "is" : "are") not used; --chat-template FILE takes one"
      )
    }
    if standard == nil, !named.isEmpty { notes.append("none of the chat templates is the default one") }
    return notes
  }
}
