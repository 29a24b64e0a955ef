/// Finds a part in texts, in time linear in both whatever they contain (Knuth, Morris and Pratt 1977).
struct ByteSearch {
  private let part: [UInt8]
  /// For each prefix of the part, the length of its longest proper prefix that is also its suffix.
  private let borders: [Int]

  var count: Int { part.count }

  init(_ part: some Swift.Sequence<UInt8>) {
    let part = Array(part)
    var borders = Array(repeating: 0, count: part.count)
    var matched = 0
    for index in part.indices.dropFirst() {
      while matched > 0, part[index] != part[matched] { matched = borders[matched - 1] }
      if part[index] == part[matched] { matched += 1 }
      borders[index] = matched
    }
    self.part = part
    self.borders = borders
  }

  /// The offset of the first occurrence that begins at `start` or later.
  func first(in text: [UInt8], from start: Int) -> Int? {
    guard !part.isEmpty else { return start <= text.count ? start : nil }
    var matched = 0
    var index = start
    while index < text.count {
      while matched > 0, text[index] != part[matched] { matched = borders[matched - 1] }
      if text[index] == part[matched] { matched += 1 }
      index += 1
      if matched == part.count { return index - matched }
    }
    return nil
  }
}
