import Jamba
import JambaSystem

/// Messages in, answers out, until the user leaves.
final class ChatLoop {
  private var conversation: Conversation
  private let options: GenerationOptions
  private let seed: UInt64?
  private let window: Int?
  private let savesTo: String?
  /// Of a conversation that is gone on with.
  private let sessionOptions: SessionOptions
  private var statistics = Statistics()
  private let lines = LineReader()

  /// Of all answers so far.
  private struct Statistics {
    var answers = 0
    var readTokens = 0
    var readSeconds = 0.0
    var answerTokens = 0
    var answerSeconds = 0.0
  }

  static let help = """
    /help            this list
    /system TEXT     say something else to the model before the conversation; without TEXT nothing
    /undo            take the last message and its answer back
    /retry           answer the last message anew
    /save FILE       keep the conversation in a file
    /load FILE       go on with a conversation from a file
    /stats           tokens, speeds and memory
    /reset           forget the conversation
    /quit            leave, as does Ctrl-D; Ctrl-C stops an answer
    Alt-Return, a backslash at a line's end, or lines between two of \"\"\": a message of several lines
    """

  init(
    _ conversation: Conversation, _ options: GenerationOptions, seed: UInt64?, window: Int?, savesTo: String?,
    sessionOptions: SessionOptions
  ) {
    self.sessionOptions = sessionOptions
    self.conversation = conversation
    self.options = options
    self.seed = seed
    self.window = window
    self.savesTo = savesTo
  }

  /// One message; tool calls are printed, not answered.
  func answerOnce(_ message: String) throws(JambaError) {
    let generation = try answer([.user(message)], attempt: 0)
    for call in generation.message.toolCalls {
      Output.write(JSON.object(["name": .string(call.name), "arguments": call.arguments]).text() + "\n")
    }
    try save()
    if Interrupt.isPending { throw .cancelled }
  }

  func run() throws(JambaError) {
    Terminal.notice("Ready. /help lists the commands; Ctrl-C stops an answer, Ctrl-D leaves.")
    var attempt: UInt64 = 0
    while true {
      switch lines.nextMessage() {
      case .end:
        if let failure = lines.failure {
          throw .format(.system(action: "read", path: "standard input", failure))
        }
        if LineReader.isInteractive { Terminal.report("") }
        return
      case .interrupted: Terminal.report("\n(/quit or Ctrl-D leaves)")
      case .line(let line):
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        switch (words.first ?? "", words.count) {
        case ("", _): continue
        case ("/quit", 1), ("/exit", 1): return
        case ("/help", 1): Terminal.report(ChatLoop.help)
        case ("/stats", 1): reportStatistics()
        case ("/system", _):
          conversation.setSystem(words.count > 1 ? words[1] : nil)
          Terminal.report(
            words.count > 1 ? "The model is told so from now on." : "The model is told nothing beforehand.")
        case ("/reset", 1):
          try conversation.reset()
          Terminal.report("The conversation is forgotten.")
        case ("/undo", 1):
          if try conversation.undo() == nil { Terminal.report("There is nothing to undo.") }
          try save()
        case ("/retry", 1):
          if let message = try conversation.undo() {
            attempt += 1
            try turn(message, attempt: attempt)
          } else {
            Terminal.report("There is nothing to answer anew.")
          }
        case ("/save", 2):
          do { try conversation.save(to: words[1]) } catch { Terminal.report("\(error)") }
        case ("/load", 2):
          do {
            conversation = try Conversation(
              restoring: words[1], conversation.session.model, options: sessionOptions, chat: conversation.chat)
          } catch { Terminal.report("\(error)") }
        case (let word, let count)
        where word.hasPrefix("/") && !line.contains("\n") && (count == 1 || word == "/save" || word == "/load"):
          Terminal.report("There is no command \(line). /help lists the commands.")
        default: try turn(line, attempt: 0)
        }
      }
      Interrupt.clear()
    }
  }

  private func save() throws(JambaError) {
    if let savesTo { try conversation.save(to: savesTo) }
  }

  /// One turn, tools included. What ends a turn but not the chat is said, not thrown.
  private func turn(_ message: String, attempt: UInt64) throws(JambaError) {
    do {
      var new = [ChatMessage.user(message)]
      while !new.isEmpty { new = results(of: try answer(new, attempt: attempt).message.toolCalls) }
      try save()
    } catch {
      switch error {
      case .cancelled: Terminal.report("(stopped before the answer began)")
      case .contextFull(let limit):
        Terminal.report("The conversation has reached the model's limit of \(limit) tokens; /reset starts anew.")
      // A template may refuse a conversation, and a grammar may come to a place where no token fits: another message may do.
      case .template, .grammar: Terminal.report("\(error)")
      default: throw error
      }
    }
  }

  /// Asks the user what the functions that the model calls return. No answer ends the turn.
  private func results(of calls: [ToolCall]) -> [ChatMessage] {
    var messages: [ChatMessage] = []
    for call in calls {
      Output.write("\(call.name)(\(call.arguments.text(.spaced)))\n")
      guard case .line(let result) = lines.nextLine(prompt: "\(call.name) returns: ") else { return [] }
      messages.append(.tool(result))
    }
    return messages
  }

  private func answer(_ new: [ChatMessage], attempt: UInt64) throws(JambaError) -> Generation {
    var options = options
    // A conversation is different each time unless a seed is given; then each place in it and each attempt draws its own
    // numbers.
    let place = UInt64(conversation.session.tokenCount) &+ attempt << 32
    options.sampling.seed = seed.map { $0 &+ place } ?? UInt64.random(in: 0 ... .max)

    let before = conversation.session.tokenCount
    let start = Terminal.seconds
    var bar = ProgressBar("reading", unit: .tokens)
    defer { bar.finish() }
    let generation = try conversation.answer(
      adding: new, options: options,
      progress: { done, total in
        bar.update(done, of: total)
        return !Interrupt.isPending
      }, isCancelled: { Interrupt.isPending })
    bar.finish()
    let prefilled = Terminal.seconds
    let read = max(conversation.session.tokenCount - before, 0)

    var count = 0
    var reason = FinishReason.length
    let screen = AnswerScreen()
    while let piece = try generation.next(isCancelled: { Interrupt.isPending }) {
      screen.show(piece)
      if piece.token != nil { count += 1 }
      if let finish = piece.finishReason { reason = finish }
    }
    screen.finish()
    let seconds = Terminal.seconds - prefilled
    try conversation.finish(generation)
    statistics.answers += 1
    statistics.readTokens += read
    statistics.readSeconds += prefilled - start
    statistics.answerTokens += count
    statistics.answerSeconds += seconds
    let note = reason == .cancelled ? ", stopped" : reason == .length ? ", cut at -n \(options.maxTokens)" : ""
    Terminal.notice(
      "[\(count) tokens, \(rate(count, seconds))/s; read \(read) at \(rate(read, prefilled - start))/s\(note); \(meter)]"
    )
    return generation
  }

  private func rate(_ count: Int, _ seconds: Double) -> String {
    Terminal.decimal(Double(count) / max(seconds, 1e-9), 1)
  }

  /// How full the context is.
  private var meter: String {
    let count = conversation.session.tokenCount
    let limit = window ?? conversation.session.model.configuration.maxPositionEmbeddings
    let share = min(1, Double(count) / Double(limit))
    let filled = Int((share * 10).rounded(.up))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 10 - filled)
    return "context \(bar) \(count) of \(limit)" + (window != nil && count > limit ? ", older text fades" : "")
  }

  private func reportStatistics() {
    let session = conversation.session
    let messages = conversation.messages.count
    Terminal.report(
      """
      conversation    \(messages) messages, \(session.tokenCount) tokens; \(meter)
      read            \(statistics.readTokens) tokens at \(rate(statistics.readTokens, statistics.readSeconds))/s
      answered        \(statistics.answers) times, \(statistics.answerTokens) tokens at \(rate(statistics.answerTokens, statistics.answerSeconds))/s
      memory          \(Terminal.size(session.stateByteCount)) for the text, \(Terminal.size(Processors.peakResidentByteCount)) at most in all
      """)
  }
}
