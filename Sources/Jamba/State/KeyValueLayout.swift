/// Which keys and values a session keeps, and where.
///
/// A token sees the first `sinks` positions and the last `window` ones, itself included. Pages of 64 positions that hold
/// sinks stay; the others take turns in a ring, which has room for the window and for a chunk stored ahead of it.
struct KeyValueLayout: Sendable, Equatable {
  let type: CacheType
  /// nil keeps every position.
  let window: Int?
  let sinks: Int
  /// The most positions that are stored together.
  let chunk: Int

  static let pagePositions = KeyValuePages.positions

  /// - Precondition: values that `SessionOptions.validate` lets pass.
  init(type: CacheType, window: Int?, sinks: Int, chunk: Int) {
    precondition(chunk > 0, "a pass of no token")
    precondition(0..<(window ?? .max) ~= sinks, "a window that is not larger than its sinks")
    self.type = type
    self.window = window
    self.sinks = window == nil ? 0 : sinks
    self.chunk = chunk
  }

  /// - Throws: `invalidOption` where the model's heads cannot be kept so.
  func checked(for configuration: ModelConfiguration) throws(JambaError) -> KeyValueLayout {
    guard type.takes(headSize: configuration.headDim) else {
      throw .invalidOption(
        "keys and values in \(type.rawValue) need heads of 32, 64, 128 or 256 elements; the model's have \(configuration.headDim)")
    }
    return self
  }

  /// Whether two texts' keys and values can stand for each other. The chunk changes places, never values.
  func keepsTheSame(as other: KeyValueLayout) -> Bool {
    type == other.type && window == other.window && sinks == other.sinks
  }

  private static func pages(_ positions: Int) -> Int { (positions + pagePositions - 1) / pagePositions }

  /// Pages that stay where they are.
  var fixedPages: Int { window == nil ? .max : KeyValueLayout.pages(sinks) }

  /// Pages that take turns: as many as a chunk and what its first token sees can touch, wherever in a page they begin.
  var ringPages: Int {
    guard let window else { return 0 }
    return (window - 1 + chunk + 2 * (KeyValueLayout.pagePositions - 1)) / KeyValueLayout.pagePositions
  }

  /// The place of page `number` among the pages of a layer.
  func slot(ofPage number: Int) -> Int {
    number < fixedPages ? number : fixedPages + (number - fixedPages) % ringPages
  }

  /// Pages of one layer that a text of `count` tokens takes.
  func pageCount(_ count: Int) -> Int {
    let pages = KeyValueLayout.pages(count)
    return window == nil ? pages : min(pages, fixedPages + ringPages)
  }

  /// The pages that hold what the token after `count` others sees, ascending.
  func visiblePages(after count: Int) -> [Int] {
    let end = KeyValueLayout.pages(count)
    guard let window else { return Array(0..<end) }
    let oldest = max(0, count - window + 1) / KeyValueLayout.pagePositions
    return Array(0..<min(fixedPages, end)) + Array(max(min(fixedPages, end), min(oldest, end))..<end)
  }
}
