import ArgumentParser
import Jamba
import JambaSystem

struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Chats with a model.",
    discussion: """
      Type a message and press return; Alt-Return begins a new line, as do a backslash at a line's end and lines between \
      two of \"\"\". Ctrl-C stops an answer, Ctrl-D leaves, /help lists the commands. Earlier tokens leave the attention \
      window, so a chat can go on for ever in constant memory.
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

  @OptionGroup var adapters: RuntimeAdapterOptions
  @OptionGroup var samplingOptions: SamplingOptions
  @OptionGroup var grammarOptions: GrammarOptions
  @OptionGroup var templateOptions: TemplateOptions
  @OptionGroup var contextOption: ContextOption
  @OptionGroup var speculation: SpeculationOption
  @OptionGroup var uses: UsesOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard maxTokens >= 0 else { throw ValidationError("-n takes a number from 0 on.") }
  }

  func run() throws {
    Interrupt.catchSignals()
    let grammar = try grammarOptions.load()
    let chat = try templateOptions.load()
    let attention = attention.forChat(contextOption.context)
    let model = try loading.open(
      self.model, context: contextOption.context, sessions: attention.sessionOptions(draft: speculation.draft),
      chatTemplate: templateOptions.template(), adapters: adapters.paths, draftTexts: speculation.draftTexts,
      keepsUses: uses.areKept)
    let sessionOptions = SessionOptions(adapters: try adapters.load(model))
    let conversation: Conversation
    if let session, FileSystem.exists(session) {
      conversation = try Conversation(restoring: session, model, options: sessionOptions, chat: chat)
      Terminal.notice("Going on with \(session): \(conversation.session.tokenCount) tokens.")
    } else {
      conversation = try Conversation(model.makeSession(options: sessionOptions), system: system, chat: chat)
    }
    if model.chatTemplate == nil {
      Terminal.report("This model has no chat template: it goes on with the text you type.")
    }
    let options = GenerationOptions(
      sampling: samplingOptions.sampling(temperature: 0.7, topP: 0.95, seed: 0), maxTokens: maxTokens, stop: stop,
      grammar: grammar)
    let loop = ChatLoop(
      conversation, options, seed: samplingOptions.seed, window: attention.size, savesTo: session,
      sessionOptions: sessionOptions)
    if let prompt {
      try loop.answerOnce(prompt)
    } else {
      try loop.run()
    }
  }
}
