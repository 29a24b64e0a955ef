import Jamba

/// An answer as it comes in. Thoughts are dimmed where the terminal can; where the answer is no terminal's they are not
/// part of it and go to standard error.
struct AnswerScreen {
  private var hasThought = false
  private var hasText = false
  private var stream = MarkdownStream()
  private var size = ScreenSize.now

  mutating func show(_ piece: Piece) {
    resize()
    if !piece.reasoning.isEmpty {
      hasThought = true
      if Output.isTerminal {
        Output.write(stream.push(piece.reasoning, isThought: true))
      } else {
        Terminal.write(piece.reasoning, to: 2)
      }
    }
    if !piece.text.isEmpty {
      if hasThought, !hasText { endThought() }
      hasText = true
      Output.write(Output.isTerminal ? stream.push(piece.text) : piece.text)
    }
  }

  mutating func finish() {
    if hasThought, !hasText { endThought() }
    resize()
    Output.write((Output.isTerminal ? stream.finish() : "") + "\n")
  }

  private mutating func endThought() {
    if Output.isTerminal { Output.write(stream.push("\n\n")) } else { Terminal.write("\n", to: 2) }
  }

  /// Draws the answer anew when the terminal has another size. It is asked with each piece, which come faster than a
  /// window is dragged.
  private mutating func resize() {
    guard let now = ScreenSize.now, now != size else { return }
    let hasOtherWidth = now.columns != size?.columns
    size = now
    if hasOtherWidth, Output.movesCursor { Output.write(stream.redraw(now)) }
  }
}
