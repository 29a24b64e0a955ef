import Foundation
import JambaSystem
import TestSupport

extension FuzzTarget {
  /// JSON: read as Foundation reads it where both do, written and read again, and compacted byte by byte.
  static let json = FuzzTarget(
    "json",
    dictionary: [
      "null", "true", "false", "\\u0000", "\\ud83d\\ude00", "\\ud800", "\\\"", "1e5", "-0", "0.1", "1E+400", "[[[[",
      "{\"a\":", "\u{FEFF}",
      "\u{2028}", "é", "e\u{301}", "9223372036854775808", "NaN", "-Infinity",
    ],
    shortCount: 24000,
    fixtures: { [try bytes(of: Fixtures.checkpoint("dense") + "/config.json")] },
    run: { bytes in
      _ = try? JSON.parse(python: bytes)
      guard let value = try? JSON.parse(bytes) else { return }
      // Foundation leaves out a byte order mark, wherever it stands.
      if !bytes.contains(0xEF),
        let other = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      {
        require(isSame(value, other), "Foundation reads \(other)")
      }
      let compact = value.text()
      require((try? JSON.parse(compact)) == value, "what is written is another value: \(compact)")
      var compactor = JSONCompactor()
      for byte in bytes { compactor.take(byte) }
      // The end of a number shows in what follows.
      compactor.take(UInt8(ascii: " "))
      if compactor.outcome == .complete {
        require(compactor.output.elementsEqual(compact.utf8), "compacted it is \(text(compactor.output))")
      }
    })

  private static func isSame(_ value: JSON, _ other: Any) -> Bool {
    switch value {
    case .null: other is NSNull
    case .bool(let value): (other as? NSNumber)?.boolValue == value
    case .integer(let value):
      (other as? NSNumber).map { $0.int64Value == value || $0.doubleValue == Double(value) } ?? false
    // Foundation may keep a number as a decimal, which becomes the nearest double only nearly.
    case .number(let value): (other as? NSNumber).map { abs($0.doubleValue - value) <= 1e-14 * abs(value) } ?? false
    case .numeral: other is NSNumber
    case .string(let value): (other as? String)?.utf8.elementsEqual(value.utf8) ?? false
    case .array(let values):
      (other as? [Any]).map { $0.count == values.count && zip(values, $0).allSatisfy(isSame) } ?? false
    case .object(let object):
      // Names that Unicode takes for equal are one to Foundation.
      (other as? [String: Any]).map { others in
        others.count != object.count
          || object.members.allSatisfy { key, value in others[key].map { isSame(value, $0) } ?? false }
      } ?? false
    }
  }
}
