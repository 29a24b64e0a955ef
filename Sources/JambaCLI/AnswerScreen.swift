import Jamba
import JambaSystem

/// An answer as it comes in. Thoughts are dimmed where the terminal can; where the answer is no terminal's they are not
/// part of it and go to standard error.
final class AnswerScreen {
  /// What has been written, which a thread that watches the terminal's size draws anew.
  private struct Shown {
    var hasThought = false
    var hasText = false
    var isFinished = false
    var stream = MarkdownStream()
    var size = ScreenSize.now
  }

  private let shown = Monitor(Shown())
  private let watcher: BackgroundThread?
  /// How soon an answer that waits for its next piece is drawn for a window that has been made larger or smaller.
  private static let watchSeconds = 0.05

  init() {
    let shown = shown
    // Without a thread it is drawn anew with the next piece.
    watcher =
      !Output.movesCursor
      ? nil
      : try? BackgroundThread {
        func isFinished(_ shown: inout Shown) -> Bool? { shown.isFinished ? true : nil }
        while shown.wait(for: .work, atMost: AnswerScreen.watchSeconds, isFinished) == nil {
          shown.withLock { AnswerScreen.resize(&$0) }
        }
      }
  }

  func show(_ piece: Piece) {
    shown.withLock { shown in
      AnswerScreen.resize(&shown)
      if !piece.reasoning.isEmpty {
        shown.hasThought = true
        if Output.isTerminal {
          Output.write(shown.stream.push(piece.reasoning, isThought: true))
        } else {
          Terminal.write(piece.reasoning, to: 2)
        }
      }
      if !piece.text.isEmpty {
        if shown.hasThought, !shown.hasText { AnswerScreen.endThought(&shown) }
        shown.hasText = true
        Output.write(Output.isTerminal ? shown.stream.push(piece.text) : piece.text)
      }
    }
  }

  func finish() {
    shown.withLock { shown in
      if shown.hasThought, !shown.hasText { AnswerScreen.endThought(&shown) }
      AnswerScreen.resize(&shown)
      Output.write((Output.isTerminal ? shown.stream.finish() : "") + "\n")
    }
    end()
  }

  private func end() {
    shown.withLock { $0.isFinished = true }
    shown.signal(.work)
  }

  deinit {
    end()
    watcher?.join()
  }

  private static func endThought(_ shown: inout Shown) {
    if Output.isTerminal { Output.write(shown.stream.push("\n\n")) } else { Terminal.write("\n", to: 2) }
  }

  /// Draws the answer anew when the terminal has another size.
  private static func resize(_ shown: inout Shown) {
    guard !shown.isFinished, let now = ScreenSize.now, now != shown.size else { return }
    let hasOtherWidth = now.columns != shown.size?.columns
    shown.size = now
    if hasOtherWidth, Output.movesCursor { Output.write(shown.stream.redraw(now)) }
  }
}
