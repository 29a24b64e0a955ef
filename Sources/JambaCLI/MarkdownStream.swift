/// An answer on its way to a terminal: wrapped at its edge, and with its Markdown shown by bold and dim text. Marks that
/// are no Markdown, or may yet become some, are never lost: a span is held back until it ends or its line does.
struct MarkdownStream {
  /// A line of the text, as it came.
  private struct Line {
    var source = ""
    var isThought = false
    /// The fence that it began within.
    var fence: Fence?
    /// The widths of the lines of the screen that it takes; set when it has ended.
    var widths: [Int] = []
  }

  private struct Fence {
    var mark: Unicode.Scalar
    var count: Int
  }

  private let isStyled: Bool
  private var wrap = WordWrap()
  private var lines = [Line()]
  /// What has come of the line and is not shown yet.
  private var pending: [Unicode.Scalar] = []
  private var isAtLineStart = true
  private var fence: Fence?
  private var isHeading = false
  private var isCode = false
  /// The last character shown of the line.
  private var previous: Unicode.Scalar?

  private static let bold = "\u{1B}[1m"
  private static let dim = "\u{1B}[2m"
  /// Neither bold nor dim.
  private static let normal = "\u{1B}[22m"
  /// A span that is longer than this is shown with its marks.
  private static let spanLimit = 400

  /// - Parameter isStyled: false for a terminal that shows text as it is.
  init(isStyled: Bool = Output.isColored) { self.isStyled = isStyled }

  /// Takes text; returns what is to be written now.
  mutating func push(_ text: String, isThought: Bool = false) -> String {
    var output = ""
    for (index, part) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if index > 0 { output += endLine() }
      guard !part.isEmpty else { continue }
      if lines[lines.count - 1].source.isEmpty { lines[lines.count - 1].isThought = isThought }
      lines[lines.count - 1].source += part
      pending += part.unicodeScalars
      output += advance(isEnd: false)
    }
    return output
  }

  /// What is still held back.
  mutating func finish() -> String {
    let output = advance(isEnd: true) + closeLine()
    lines[lines.count - 1].widths = wrap.widths
    return output
  }

  private mutating func endLine() -> String {
    var output = advance(isEnd: true) + closeLine()
    lines[lines.count - 1].widths = wrap.widths
    output += wrap.push("\n")
    lines.append(Line(fence: fence))
    return output
  }

  /// Ends the styles of a line.
  private mutating func closeLine() -> String {
    if isStyled, isHeading || isCode || lines[lines.count - 1].isThought, !isAtLineStart {
      wrap.style(MarkdownStream.normal)
    }
    (isAtLineStart, isHeading, isCode, previous) = (true, false, false, nil)
    defer { wrap.indent = 0 }
    return wrap.flush()
  }

  // MARK: Resizing

  /// What draws the lines that the screen shows anew, for a screen of another size. Terminals break lines that have become
  /// too long.
  mutating func redraw(_ size: ScreenSize) -> String {
    lines[lines.count - 1].widths = wrap.widths
    var (rows, first) = (0, lines.count)
    while first > 0 {
      let more = lines[first - 1].widths.reduce(0) { $0 + max(1, ($1 + size.columns - 1) / size.columns) }
      guard rows + more < max(size.rows, 2) else { break }
      (rows, first) = (rows + more, first - 1)
    }
    guard first < lines.count else { return "" }
    let shown = Array(lines[first...])
    lines.removeSubrange(first...)
    lines.append(Line(fence: shown[0].fence))
    (wrap, pending, fence) = (WordWrap(), [], shown[0].fence)
    (isAtLineStart, isHeading, isCode, previous) = (true, false, false, nil)
    var output = (isStyled ? "\u{1B}[0m" : "") + "\r" + (rows > 1 ? "\u{1B}[\(rows - 1)A" : "") + "\u{1B}[J"
    for (index, line) in shown.enumerated() {
      if index > 0 { output += endLine() }
      output += push(line.source, isThought: line.isThought)
    }
    return output
  }

  // MARK: Lines

  private mutating func advance(isEnd: Bool) -> String {
    guard isStyled else { return show(pending.count) }
    if lines[lines.count - 1].isThought {
      if isAtLineStart, !pending.isEmpty { wrap.style(MarkdownStream.dim) }
      if !pending.isEmpty { isAtLineStart = false }
      return show(pending.count)
    }
    if let fence { return advance(within: fence, isEnd) }
    var output = ""
    if isAtLineStart {
      guard let opening = beginLine(isEnd) else { return "" }
      output += opening
    }
    return output + spans(isEnd)
  }

  /// Shows what comes first of the pending text as it is.
  private mutating func show(_ count: Int) -> String {
    guard count > 0 else { return "" }
    previous = pending[count - 1]
    let text = MarkdownStream.text(pending[..<count])
    pending.removeFirst(count)
    return wrap.push(text)
  }

  private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  /// A line of code, dimmed and as it is.
  private mutating func advance(within fence: Fence, _ isEnd: Bool) -> String {
    let rest = pending.drop { $0 == " " }
    if isAtLineStart, rest.allSatisfy({ $0 == fence.mark || $0 == " " }) {
      guard isEnd else { return "" }
      if rest.prefix(while: { $0 == fence.mark }).count >= fence.count { self.fence = nil }
    }
    return pending.isEmpty ? "" : dimmed()
  }

  private mutating func dimmed() -> String {
    let start = isAtLineStart ? MarkdownStream.dim : ""
    (isAtLineStart, isCode) = (false, true)
    defer { pending = [] }
    return start + wrap.verbatim(MarkdownStream.text(pending[...]))
  }

  /// Finds out what kind of line begins and shows its mark; nil while that is open.
  private mutating func beginLine(_ isEnd: Bool) -> String? {
    let margin = pending.prefix { $0 == " " }.count
    let rest = pending[margin...]
    guard let first = rest.first else { return isEnd ? show(pending.count) : nil }
    let run = rest.prefix { $0 == first }.count
    let behind = rest.dropFirst(run).first
    switch first {
    case "#" where run <= 6:
      guard behind != nil || isEnd else { return nil }
      guard behind == " " else { break }
      isAtLineStart = false
      isHeading = true
      wrap.style(MarkdownStream.bold)
      pending.removeFirst(margin + run)
      pending = Array(pending.drop { $0 == " " })
      return ""
    case "`", "~":
      guard run < 3 else {
        // The words behind a fence name a language: the line is shown when it is there.
        guard isEnd else { return nil }
        if first == "~" || !rest.dropFirst(run).contains("`") { fence = Fence(mark: first, count: run) }
        return dimmed()
      }
      guard behind != nil || isEnd else { return nil }
    case "-", "*", "+":
      guard behind != nil || isEnd else { return nil }
      guard run == 1, behind == " " else { break }
      isAtLineStart = false
      pending.removeFirst(margin + 2)
      wrap.indent = margin + 2
      previous = " "
      return wrap.push(String(repeating: " ", count: margin) + "• ")
    case "0"..."9":
      let digits = rest.prefix { "0"..."9" ~= $0 }.count
      let mark = rest.dropFirst(digits).prefix(2)
      guard digits > 3 || mark.count == 2 || isEnd else { return nil }
      if digits <= 3, mark.first == "." || mark.first == ")", mark.last == " " { wrap.indent = margin + digits + 2 }
    default: break
    }
    isAtLineStart = false
    return ""
  }

  // MARK: Spans

  private mutating func spans(_ isEnd: Bool) -> String {
    var output = ""
    while let place = pending.firstIndex(where: { "*_`".unicodeScalars.contains($0) }) {
      output += show(place)
      let mark = pending[0]
      let run = pending.prefix { $0 == mark }.count
      let mayGrow = !isEnd && pending.count < MarkdownStream.spanLimit
      if run == pending.count, mayGrow { return output }
      guard run <= 3, mark == "`" || isOpening(run) else {
        output += show(run)
        continue
      }
      guard let end = end(of: mark, run) else {
        if mayGrow { return output }
        output += show(run)
        continue
      }
      if end + run == pending.count, mayGrow { return output }
      output += span(mark, run, end)
    }
    return output + show(pending.count)
  }

  private mutating func span(_ mark: Unicode.Scalar, _ run: Int, _ end: Int) -> String {
    let inside = Array(pending[run..<end])
    let behind = Array(pending[(end + run)...])
    wrap.style(mark == "`" ? MarkdownStream.dim : MarkdownStream.bold)
    (pending, previous) = (inside, mark)
    let output = mark == "`" ? show(inside.count) : spans(true)
    wrap.style(MarkdownStream.normal + (isHeading ? MarkdownStream.bold : ""))
    (pending, previous) = (behind, mark)
    return output
  }

  private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
    scalar.map { $0.properties.isAlphabetic || $0.properties.numericType != nil } ?? false
  }

  /// Whether emphasis can begin: not within a word, and before none but a space.
  private func isOpening(_ run: Int) -> Bool {
    run < pending.count && pending[run] != " " && !MarkdownStream.isWord(previous)
  }

  /// Where the closing mark of a span begins.
  private func end(of mark: Unicode.Scalar, _ run: Int) -> Int? {
    var index = run
    while index < pending.count {
      guard pending[index] == mark else {
        index += 1
        continue
      }
      let length = pending[index...].prefix { $0 == mark }.count
      let next = index + length < pending.count ? pending[index + length] : nil
      if length == run, index > run, mark == "`" || pending[index - 1] != " " && !MarkdownStream.isWord(next) {
        return index
      }
      index += length
    }
    return nil
  }
}
