/// Finds stop texts in a stream, holding back what may yet become one. Compares bytes, so a stop text is found wherever
/// tokens end.
struct StopMatcher {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []
  /// The stop text that has come.
  private(set) var match: String?
  var hasMatched: Bool { match != nil }

  init(_ stops: [String]) {
    self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
  }

  /// Takes text; returns what can no longer be part of a stop text. Once one is complete, `hasMatched` is true and the
  /// text before it has been returned.
  mutating func push(_ text: String) -> String {
    guard !stops.isEmpty, !hasMatched else { return hasMatched ? "" : text }
    held += Array(text.utf8)
    for start in held.indices {
      for stop in stops where held[start...].starts(with: stop) {
        match = String(decoding: stop, as: UTF8.self)
        defer { held = [] }
        return String(decoding: held[..<start], as: UTF8.self)
      }
      if stops.contains(where: { $0.starts(with: held[start...]) }) {
        defer { held.removeFirst(start) }
        return String(decoding: held[..<start], as: UTF8.self)
      }
    }
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  /// The text still held back, at the end of the stream.
  mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }
}
