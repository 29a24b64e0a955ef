// An answer in Swift: swift run -c release chat model.jamba "Hello"
import Jamba

guard CommandLine.arguments.count == 3 else {
  print("usage: chat MODEL.jamba TEXT")
  throw JambaError.invalidOption("two arguments are needed")
}
let model = try JambaModel.open(CommandLine.arguments[1])
let session = try model.makeSession(window: 4096, sinks: 4)
let answer = session.respond(
  to: [.user(CommandLine.arguments[2])], sampling: Sampling(temperature: 0.7, topP: 0.9, seed: 1), maxTokens: 120)
for try await piece in answer {
  print(piece.text, terminator: "")
  if let usage = piece.usage { print("\n[\(usage.promptTokens) tokens read, \(usage.completionTokens) generated]") }
}
