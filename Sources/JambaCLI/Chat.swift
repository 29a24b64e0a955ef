import ArgumentParser
import Jamba
import JambaFormat

struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Chats with a model.",
    discussion: """
      Type a message and press return. /undo takes the last message and its answer back, /retry answers it anew, /save F \
      and /load F keep the conversation in a file and go on with it, /reset forgets it, /quit or Ctrl-D leaves, Ctrl-C \
      stops an answer. Earlier tokens leave the attention window, so a chat can go on for ever in constant memory.
      """)

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "What the model is told before the conversation.")
  var system: String?

  @Option(help: "Answer this one message and exit.")
  var prompt: String?

  @Option(help: "A file that the conversation is kept in: gone on with if it is there, saved after every answer.")
  var session: String?

  @Option(name: [.customShort("n"), .long], help: "The most tokens of an answer.")
  var maxTokens = 1024

  @Option(help: "A text that ends an answer; may be given several times.")
  var stop: [String] = []

  @OptionGroup var samplingOptions: SamplingOptions
  @OptionGroup var contextOption: ContextOption
  @OptionGroup var speculation: SpeculationOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard maxTokens >= 0 else { throw ValidationError("-n takes a number from 0 on.") }
  }

  func run() throws {
    Interrupt.catchSignals()
    let model = try loading.open(
      self.model, context: contextOption.context, attention: attention.forChat(contextOption.context),
      draft: speculation.draft)
    var conversation = try firstConversation(model)
    if let prompt {
      guard try answer(prompt, conversation) != .cancelled else { throw JambaError.cancelled }
      try save(conversation)
      return
    }
    if Terminal.isInteractive {
      Terminal.report("Ready. \(Chat.commands); /quit leaves, Ctrl-C stops an answer.")
    }
    var lines = LineReader()
    var attempt: UInt64 = 0
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
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        switch (words.first ?? "", words.count) {
        case ("", _): continue
        case ("/quit", 1), ("/exit", 1): return
        case ("/reset", 1):
          try conversation.reset()
          Terminal.report("The conversation is forgotten.")
        case ("/undo", 1):
          if try conversation.undo() == nil { Terminal.report("There is nothing to undo.") }
          try save(conversation)
        case ("/retry", 1):
          if let message = try conversation.undo() {
            attempt += 1
            try turnOrNotice(message, conversation, attempt: attempt)
          } else {
            Terminal.report("There is nothing to answer anew.")
          }
        case ("/save", 2):
          do { try conversation.save(to: words[1]) } catch { Terminal.report("\(error)") }
        case ("/load", 2):
          do { conversation = try Conversation(restoring: words[1], model) } catch { Terminal.report("\(error)") }
        case let (word, count) where word.hasPrefix("/") && (count == 1 || word == "/save" || word == "/load"):
          Terminal.report("There is no command \(line). \(Chat.commands), /quit.")
        default:
          try turnOrNotice(line, conversation)
        }
        Interrupt.clear()
      }
    }
  }

  private static let commands = "Commands: /undo, /retry, /save FILE, /load FILE, /reset"

  /// The one that was saved, or a new one.
  private func firstConversation(_ model: JambaModel) throws -> Conversation {
    guard let session, FileSystem.exists(session) else { return try Conversation(model.makeSession(), system: system) }
    let conversation = try Conversation(restoring: session, model)
    if Terminal.isInteractive {
      Terminal.report("Going on with \(session): \(conversation.session.tokenCount) tokens.")
    }
    return conversation
  }

  private func save(_ conversation: Conversation) throws(JambaError) {
    if let session { try conversation.save(to: session) }
  }

  /// One turn. What ends a turn but not the chat is said, not thrown.
  private func turnOrNotice(
    _ line: String, _ conversation: Conversation, attempt: UInt64 = 0
  ) throws(JambaError) {
    do {
      _ = try answer(line, conversation, attempt: attempt)
      try save(conversation)
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

  private func answer(
    _ text: String, _ conversation: Conversation, attempt: UInt64 = 0
  ) throws(JambaError) -> FinishReason {
    // A conversation is different each time unless a seed is given; then each place in it and each attempt draws its own
    // numbers.
    let place = UInt64(conversation.session.tokenCount) &+ attempt << 32
    let seed = samplingOptions.seed.map { $0 &+ place } ?? UInt64.random(in: 0 ... .max)
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
    try conversation.finish(generation, text: answer)
    if Terminal.isInteractive {
      let prefillRate = Terminal.decimal(Double(max(read, 0)) / max(prefilled - start, 1e-9), 1)
      let rate = Terminal.decimal(Double(count) / max(end - prefilled, 1e-9), 1)
      let note = reason == .cancelled ? ", stopped" : reason == .length ? ", cut at -n \(maxTokens)" : ""
      Terminal.report("[\(count) tokens, \(rate) tokens/s; read \(max(read, 0)) at \(prefillRate)/s\(note)]")
    }
    return reason
  }
}
