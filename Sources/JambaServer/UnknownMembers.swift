/// Members of a request that the server does not know, or cannot heed and may leave out: refused by name, or passed over
/// and counted.
package final class UnknownMembers {
  private let areRefused: Bool
  /// Those that were passed over, in order: paths without the places in lists.
  package private(set) var names: [String] = []

  package init(areRefused: Bool) { self.areRefused = areRefused }

  /// - Throws: `failure` where such members are refused.
  func pass(over path: String, orThrow failure: @autoclosure () -> Failure) throws(Failure) {
    guard !areRefused else { throw failure() }
    if names.count < UnknownMembers.limit { names.append(UnknownMembers.name(of: path)) }
  }

  /// Those of one request that are counted.
  private static let limit = 1000

  /// `messages[].id` of `messages[17].id`: fit for a line of the log, whoever has written it.
  package static func name(of path: String) -> String {
    var name = ""
    var isPlace = false
    for scalar in path.unicodeScalars.prefix(80) {
      if scalar == "]" { isPlace = false }
      if !isPlace || !("0"..."9" ~= scalar) {
        name += scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7F ? String(scalar) : "?"
      }
      if scalar == "[" { isPlace = true }
    }
    return name
  }
}
