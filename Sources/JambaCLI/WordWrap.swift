import CLineEditor

/// Breaks a stream of text into lines at the ends of words, so that a terminal's edge cuts none. A word is held back until
/// it is complete; one that is longer than a line is left to the terminal.
struct WordWrap {
  /// Columns of the terminal now; nil where lines have no end.
  private let columns: () -> Int?
  /// Columns that a line which the wrap begins leaves free, as those of a list's item do.
  var indent = 0
  /// The widths of the lines that the text's last line has been broken into, but for the one being written.
  private var brokenWidths: [Int] = []
  /// The columns written of the line being written, were it not broken by the terminal.
  private var lineWidth = 0
  private var word = String.UnicodeScalarView()
  private var wordWidth = 0
  /// Spaces before the word, which a line's end swallows.
  private var spaces = 0

  init(columns: @escaping () -> Int? = { ScreenSize.now?.columns }) { self.columns = columns }

  /// The widths of the lines that the text's last line takes so far, text that is held back aside.
  var widths: [Int] { brokenWidths + [lineWidth] }

  /// Takes text; returns what is to be written now.
  mutating func push(_ text: String) -> String {
    guard columns() != nil else { return text }
    var output = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case " ":
        output += endWord()
        spaces += 1
      case "\n":
        output += endWord()
        (brokenWidths, lineWidth, spaces) = ([], 0, 0)
        output.unicodeScalars.append(scalar)
      default:
        let width = Int(line_editor_columns(scalar.value))
        // A line may end before and behind a character of two columns, as ideographs are.
        if width == 2 { output += endWord() }
        word.append(scalar)
        wordWidth += width
        if width == 2 { output += endWord() }
      }
    }
    return output
  }

  /// Takes text of one line whose spaces stay and which the terminal breaks.
  mutating func verbatim(_ text: String) -> String {
    let output = endWord() + String(repeating: " ", count: spaces) + text
    lineWidth += spaces
    spaces = 0
    for scalar in text.unicodeScalars { lineWidth += Int(line_editor_columns(scalar.value)) }
    return output
  }

  /// Takes a sequence that changes how the following text looks, and has no width.
  mutating func style(_ sequence: String) { word.append(contentsOf: sequence.unicodeScalars) }

  /// The word still held back, at the end of a line.
  mutating func flush() -> String { endWord() }

  /// The text still held back, at the end.
  mutating func finish() -> String {
    defer { (brokenWidths, lineWidth, spaces) = ([], 0, 0) }
    return endWord()
  }

  private mutating func endWord() -> String {
    guard !word.isEmpty else { return "" }
    defer { (word, wordWidth, spaces) = (String.UnicodeScalarView(), 0, 0) }
    let limit = max(1, columns() ?? .max)
    // The terminal itself breaks what is longer than a line. At its last column the cursor waits there.
    let column = lineWidth == 0 ? 0 : (lineWidth - 1) % limit + 1
    let isAtEdge = column > 0 && wordWidth > 0 && column + spaces + wordWidth > limit
    guard isAtEdge else {
      lineWidth += spaces + wordWidth
      return String(repeating: " ", count: spaces) + String(word)
    }
    brokenWidths.append(lineWidth)
    let margin = indent + wordWidth <= limit ? indent : 0
    lineWidth = margin + wordWidth
    return "\n" + String(repeating: " ", count: margin) + String(word)
  }
}
