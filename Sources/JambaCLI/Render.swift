import ArgumentParser
import Jamba
import JambaFormat
import JambaTemplate

struct Render: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Shows what the chat template makes of a conversation.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "A JSON file with the template's variables: messages, tools, add_generation_prompt …")
  var context: String

  @Option(help: "A template to use instead of the model's.")
  var chatTemplate: String?

  func run() throws {
    let file = try JambaFile(path: model)
    let variables = try json(of: context)
    guard let object = variables.object else { throw CommandFailure("\(context) is not a JSON object") }
    guard let source = try chatTemplate.map(contents(of:)) ?? file.document(DocumentName.chatTemplate) else {
      throw JambaError.missing("chat template")
    }
    do {
      Output.write(try ChatTemplate(String(decoding: source, as: UTF8.self)).render(object))
    } catch { throw JambaError.template(error) }
  }
}
