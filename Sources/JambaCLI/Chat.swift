import ArgumentParser
import Jamba
import JambaFormat

struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Chats with a model.",
    discussion: """
      Type a message and press return. /reset forgets the conversation, /quit or Ctrl-D leaves, Ctrl-C stops an answer.
      """)

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "What the model is told before the conversation.")
  var system: String?

  @Option(help: "Answer this one message and exit.")
  var prompt: String?

  @Option(name: [.customShort("n"), .long], help: "The most tokens of an answer.")
  var maxTokens = 1024

  @Option(help: "A text that ends an answer; may be given several times.")
  var stop: [String] = []

  @OptionGroup var samplingOptions: SamplingOptions
  @OptionGroup var grammarOptions: GrammarOptions
  @OptionGroup var templateOptions: TemplateOptions
  @OptionGroup var contextOption: ContextOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard maxTokens >= 0 else { throw ValidationError("-n takes a number from 0 on.") }
  }

  func run() throws {
    Interrupt.catchSignals()
    let model = try loading.open(self.model, context: contextOption.context, attention: attention.forChat(contextOption.context))
    let conversation = try Conversation(model.makeSession(), system: system)
    if let prompt {
      guard try answer(prompt, conversation, turn: 0) != .cancelled else { throw JambaError.cancelled }
      return
    }
    if Terminal.isInteractive {
      Terminal.report("Ready. /reset forgets the conversation, /quit leaves, Ctrl-C stops an answer.")
    }
    var lines = LineReader()
    var turn: UInt64 = 0
    while true {
      if LineReader.isInteractive { Terminal.write("> ", to: 2) }
      switch lines.next() {
      case .end:
        if LineReader.isInteractive { Terminal.report("") }
        return
      case .interrupted:
        Interrupt.clear()
        Terminal.report("\n(/quit or Ctrl-D leaves)")
      case .line(let line):
        switch line {
        case "": continue
        case "/quit", "/exit": return
        case "/reset":
          try conversation.reset()
          Terminal.report("The conversation is forgotten.")
        case _ where line.hasPrefix("/") && !line.contains(" "):
          Terminal.report("There is no command \(line); there are /reset and /quit.")
        default:
          try turnOrNotice(line, conversation, turn: turn)
          turn += 1
          Interrupt.clear()
        }
      }
    }
  }

  /// One turn. What ends a turn but not the chat is said, not thrown.
  private func turnOrNotice(_ line: String, _ conversation: Conversation, turn: UInt64) throws(JambaError) {
    do {
      _ = try answer(line, conversation, turn: turn)
    } catch {
      switch error {
      case .cancelled:
        Terminal.report("(stopped before the answer began)")
      case .contextFull(let limit):
        Terminal.report("The conversation has reached the model's limit of \(limit) tokens; /reset starts anew.")
      default:
        throw error
      }
    }
  }

  private func answer(_ text: String, _ conversation: Conversation, turn: UInt64) throws(JambaError) -> FinishReason {
    // A conversation is different each time unless a seed is given; then each turn draws its own numbers.
    let seed = samplingOptions.seed.map { $0 &+ turn } ?? UInt64.random(in: 0 ... .max)
    var sampling = samplingOptions.sampling(temperature: 0.7, topP: 0.95, seed: seed)
    sampling.seed = seed
    let options = GenerationOptions(sampling: sampling, maxTokens: maxTokens, stop: stop)

    let before = conversation.session.tokenCount
    let start = Terminal.seconds
    var bar = ProgressBar("reading", unit: .tokens)
    let generation = try conversation.answer(
      to: text, options: options,
      progress: { done, total in
        bar.update(done, of: total)
        return !Interrupt.isPending
      }, isCancelled: { Interrupt.isPending })
    bar.finish()
    let prefilled = Terminal.seconds
    let read = conversation.session.tokenCount - before

    var answer = ""
    var count = 0
    var reason = FinishReason.length
    while let piece = try generation.next(isCancelled: { Interrupt.isPending }) {
      answer += piece.text
      Output.write(piece.text)
      if piece.token != nil { count += 1 }
      if let finish = piece.finishReason { reason = finish }
    }
    let end = Terminal.seconds
    Output.write("\n")
    try conversation.finish(generation)
    if Terminal.isInteractive {
      let prefillRate = Terminal.decimal(Double(max(read, 0)) / max(prefilled - start, 1e-9), 1)
      let rate = Terminal.decimal(Double(count) / max(end - prefilled, 1e-9), 1)
      let note = reason == .cancelled ? ", stopped" : reason == .length ? ", cut at -n \(maxTokens)" : ""
      Terminal.report("[\(count) tokens, \(rate) tokens/s; read \(max(read, 0)) at \(prefillRate)/s\(note)]")
    }
    return reason
  }
}
