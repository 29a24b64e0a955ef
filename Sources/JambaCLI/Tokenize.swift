import ArgumentParser
import Jamba
import JambaFormat
import JambaSystem
import JambaText

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows the token ids of a text, or the text of token ids.",
    discussion: """
      Prints one JSON object a text: "ids", "ids_with_special" and "decoded". With --decode it prints the text.
      """)

  @Argument(help: "A .jamba file.")
  var model: String

  @Argument(help: "The text.")
  var text: String?

  @Option(help: "Token ids to turn into text, such as 1,2,3.")
  var decode: String?

  @Option(help: "A file with one {\"text\": …} a line, all of which are tokenized.")
  var jsonl: String?

  func validate() throws {
    guard [text, decode, jsonl].count(where: { $0 != nil }) == 1 else {
      throw ValidationError("Give a text, --decode or --jsonl.")
    }
  }

  func run() throws {
    let tokenizer = try JambaModel.tokenizer(of: JambaFile(path: model))
    if let text {
      Output.write(Tokenize.line(text, tokenizer))
    } else if let decode {
      Output.write(tokenizer.decode(try tokenIDs(decode)) + "\n")
    } else if let jsonl {
      var number = 0
      for line in try contents(of: jsonl).split(separator: 10, omittingEmptySubsequences: false) {
        number += 1
        guard !line.isEmpty else { continue }
        let text: String
        do {
          guard let found = try JSON.parse(line)["text"]?.string else {
            throw CommandFailure("\(jsonl), line \(number): there is no \"text\"")
          }
          text = found
        } catch let error as JSONError {
          throw CommandFailure("\(jsonl), line \(number): \(error)")
        }
        Output.write(Tokenize.line(text, tokenizer))
      }
    }
  }

  private static func line(_ text: String, _ tokenizer: Tokenizer) -> String {
    func list(_ ids: [Int32]) -> JSON { .array(ids.map { .integer(Int($0)) }) }
    let ids = tokenizer.encode(text, addSpecialTokens: false)
    let object: JSONObject = [
      "ids": list(ids), "ids_with_special": list(tokenizer.encode(text)), "decoded": .string(tokenizer.decode(ids)),
    ]
    return JSON.object(object).text() + "\n"
  }
}
