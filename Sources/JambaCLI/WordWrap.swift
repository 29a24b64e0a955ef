import CLineEditor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Breaks a stream of text into lines at the ends of words, so that a terminal's edge cuts none. A word is held back until
/// it is complete; one that is longer than a line is left to the terminal.
struct WordWrap {
  /// Columns of the terminal now; nil where lines have no end.
  private let columns: () -> Int?
  /// Columns of the line that are taken, those of held text aside.
  private var column = 0
  private var word = String.UnicodeScalarView()
  private var wordWidth = 0
  /// Spaces before the word, which a line's end swallows.
  private var spaces = 0

  init(columns: @escaping () -> Int? = { WordWrap.terminalColumns }) { self.columns = columns }

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
        (column, spaces) = (0, 0)
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

  /// The text still held back.
  mutating func finish() -> String {
    defer { (column, spaces) = (0, 0) }
    return endWord()
  }

  private mutating func endWord() -> String {
    guard !word.isEmpty else { return "" }
    defer { (word, wordWidth, spaces) = (String.UnicodeScalarView(), 0, 0) }
    let limit = columns() ?? .max
    let isAtEdge = column > 0 && column + spaces + wordWidth > limit
    let width = isAtEdge ? wordWidth : column + spaces + wordWidth
    // The terminal itself breaks what is longer than a line. At its last column the cursor waits there.
    column = width == 0 ? 0 : (width - 1) % limit + 1
    return (isAtEdge ? "\n" : String(repeating: " ", count: spaces)) + String(word)
  }

  private static var terminalColumns: Int? {
    var size = winsize()
    guard Output.isTerminal, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}
