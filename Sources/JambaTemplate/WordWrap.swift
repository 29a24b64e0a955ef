/// Text broken into lines as Python's `textwrap` does it, without expanding tabs or replacing white space.
struct WordWrap {
  let width: Int
  let breaksLongWords: Bool
  let breaksOnHyphens: Bool

  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || 0x09...0x0D ~= scalar.value
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || scalar.isPythonAlphanumeric }
  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isPythonAlphanumeric && scalar.properties.numericType != .decimal
  }
  private static func isWordOrMark(_ scalar: Unicode.Scalar) -> Bool {
    isWord(scalar) || "!\"'&.,?".unicodeScalars.contains(scalar)
  }

  func lines(of text: String) -> [String] {
    var chunks = Array(chunks(of: Array(text.unicodeScalars)).reversed())
    var lines: [String] = []
    while !chunks.isEmpty {
      var line: [ArraySlice<Unicode.Scalar>] = []
      var length = 0
      if isBlank(chunks[chunks.count - 1]), !lines.isEmpty { chunks.removeLast() }
      while let chunk = chunks.last, length + chunk.count <= width {
        line.append(chunks.removeLast())
        length += chunk.count
      }
      if let chunk = chunks.last, chunk.count > width { breakWord(&chunks, &line, length) }
      if let last = line.last, isBlank(last) { line.removeLast() }
      if !line.isEmpty { lines.append(String(line.joined())) }
    }
    return lines
  }

  private func isBlank(_ chunk: ArraySlice<Unicode.Scalar>) -> Bool { chunk.allSatisfy(\.isPythonSpace) }

  private func breakWord(
    _ chunks: inout [ArraySlice<Unicode.Scalar>], _ line: inout [ArraySlice<Unicode.Scalar>], _ length: Int
  ) {
    guard breaksLongWords else {
      if line.isEmpty { line.append(chunks.removeLast()) }
      return
    }
    let chunk = chunks[chunks.count - 1]
    let room = width - length
    var end = room
    if breaksOnHyphens, chunk.count > room, let hyphen = chunk.prefix(room).lastIndex(of: "-"),
      hyphen > chunk.startIndex, chunk[..<hyphen].contains(where: { $0 != "-" })
    {
      end = hyphen - chunk.startIndex + 1
    }
    line.append(chunk.prefix(end))
    chunks[chunks.count - 1] = chunk.dropFirst(end)
  }

  // MARK: Chunks that are not broken

  private func chunks(of text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
    var chunks: [ArraySlice<Unicode.Scalar>] = []
    var position = 0
    while position < text.count {
      let end: Int
      if WordWrap.isSpace(text[position]) {
        end = text[position...].firstIndex { !WordWrap.isSpace($0) } ?? text.count
      } else if !breaksOnHyphens {
        end = text[position...].firstIndex(where: WordWrap.isSpace) ?? text.count
      } else {
        end = dash(text, at: position) ?? endOfWord(text, from: position)
      }
      chunks.append(text[position..<end])
      position = end
    }
    return chunks
  }

  /// The end of an em-dash (`--`) between words.
  private func dash(_ text: [Unicode.Scalar], at position: Int) -> Int? {
    guard position > 0, WordWrap.isWordOrMark(text[position - 1]), isDash(text, at: position) else { return nil }
    return text[position...].firstIndex { $0 != "-" }
  }

  /// Whether two or more hyphens stand before a word.
  private func isDash(_ text: [Unicode.Scalar], at position: Int) -> Bool {
    guard let end = text[position...].firstIndex(where: { $0 != "-" }) else { return false }
    return end - position >= 2 && WordWrap.isWord(text[end])
  }

  private func endOfWord(_ text: [Unicode.Scalar], from start: Int) -> Int {
    var end = start + 1
    while end < text.count, !WordWrap.isSpace(text[end]) {
      if text[end] == "-" {
        if isHyphen(text, at: end) { return end + 1 }
        if WordWrap.isWordOrMark(text[end - 1]), isDash(text, at: end) { return end }
      }
      end += 1
    }
    return end
  }

  /// Whether a hyphen parts two syllables.
  private func isHyphen(_ text: [Unicode.Scalar], at place: Int) -> Bool {
    func isLetter(_ index: Int) -> Bool { text.indices.contains(index) && WordWrap.isLetter(text[index]) }
    let isBehind =
      isLetter(place - 1) && isLetter(place - 2)
      || place >= 3 && WordWrap.isWordOrMark(text[place - 1]) && text[place - 2] == "-" && isLetter(place - 3)
    guard isBehind else { return false }
    return isLetter(place + 1)
      && (isLetter(place + 2) || place + 2 < text.count && text[place + 2] == "-" && isLetter(place + 3))
  }
}
