import Foundation
import JambaSystem
import JambaTemplate

/// The files the tests compare with: written by tools/fixtures/templates, from the reference implementation.
enum Fixtures {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  /// Fixtures too large or not ours to keep in the repository; nil where they are not at hand.
  static var shared: URL? { shared("fixtures/chat_templates") }
  static var sharedCases: URL? { shared("cases/chat/templates.jsonl") }

  private static func shared(_ path: String) -> URL? {
    let root = folder.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let candidates = [
      ProcessInfo.processInfo.environment["JAMBA_SHARED"].map { URL(filePath: $0) },
      root.deletingLastPathComponent().appending(path: "shared"),
    ]
    return candidates.compactMap { $0?.appending(path: path) }
      .first { FileManager.default.fileExists(atPath: $0.path) }
  }

  static func text(_ url: URL) throws -> String {
    String(decoding: try Data(contentsOf: url), as: UTF8.self)
  }

  static func lines(_ url: URL) throws -> [JSON] {
    try text(url).split(separator: "\n").map { try JSON.parse(String($0)) }
  }

  /// Templates of the repository.
  static let names = ["chatml_think", "compact", "roles", "turns"]

  /// What differs from a file of a context and an output or an error a line.
  static func differences(template: URL) throws -> (count: Int, differences: [String]) {
    let chat = try ChatTemplate(text(template))
    let expected = try lines(template.deletingPathExtension().appendingPathExtension("expected.jsonl"))
    var differences: [String] = []
    for (number, line) in expected.enumerated() {
      do {
        let output = try chat.render(line["context"]?.object ?? [:])
        if let wanted = line["output"]?.string, wanted.utf8.elementsEqual(output.utf8) { continue }
        differences.append("line \(number + 1):\n\(output)\nwanted\n\(line["output"] ?? line["error"] ?? .null)")
      } catch {
        if let message = line["error"]?.string, error.message.contains(message) { continue }
        differences.append("line \(number + 1): \(error)\nwanted \(line["output"] ?? line["error"] ?? .null)")
      }
    }
    return (expected.count, differences)
  }
}
