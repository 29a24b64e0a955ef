import Foundation
import JambaSystem
import JambaText

/// What the Hugging Face tokenizers library made of texts and ids, and the tokenizers it did that with.
enum Fixtures {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

  static func json(_ name: String) throws -> JSON {
    try JSON.parse(Data(contentsOf: folder.appendingPathComponent(name)))
  }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(json: json("\(name).tokenizer.json"), configuration: nil)
  }

  /// The lines of an expected.jsonl.
  static func lines(_ name: String) throws -> [JSON] {
    try Data(contentsOf: folder.appendingPathComponent("\(name).expected.jsonl"))
      .split(separator: UInt8(ascii: "\n")).map { try JSON.parse($0) }
  }
}

extension JSON {
  /// The elements of an array of token ids.
  var ids: [Int32] { array?.map { Int32($0.integer!) } ?? [] }

  /// The object with a member replaced; null removes nothing, it is a value.
  func replacing(_ path: String..., with value: JSON?) -> JSON { replacing(path[...], with: value) }

  private func replacing(_ path: ArraySlice<String>, with value: JSON?) -> JSON {
    guard let name = path.first, var object else { return value! }
    object[name] = path.count == 1 ? value : (self[name] ?? .object([:])).replacing(path.dropFirst(), with: value)
    return .object(object)
  }
}

/// Texts compared by scalars: Swift's `==` takes é for e and a combining accent.
func scalars(_ text: String) -> [Unicode.Scalar] { Array(text.unicodeScalars) }

/// What pushing the ids one by one gives.
func streamed(
  _ ids: some Sequence<Int32>, _ tokenizer: Tokenizer, skipSpecialTokens: Bool = false, afterText: Bool = false
) -> String {
  var detokenizer = StreamingDetokenizer(
    tokenizer: tokenizer, skipSpecialTokens: skipSpecialTokens, afterText: afterText)
  return ids.map { detokenizer.push($0) }.joined() + detokenizer.finish()
}

/// A small reproducible generator (Steele, Lea & Flood 2014, SplitMix64).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
