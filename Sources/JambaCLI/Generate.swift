import ArgumentParser
import Jamba
import JambaSystem

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continues a text.",
    discussion: "The text goes to standard output, everything else to standard error.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "The text to continue.")
  var prompt: String?

  @Option(help: "A file with the text to continue.")
  var promptFile: String?

  @Option(help: "The token ids to continue, such as 1,2,3, taken as they are.")
  var tokens: String?

  @Option(name: [.customShort("n"), .long], help: "The most tokens to generate.")
  var maxTokens = 256

  @Option(help: "A text that ends the output; may be given several times.")
  var stop: [String] = []

  @Flag(help: "Go on after a token that ends the text.")
  var ignoreEos = false

  @Option(
    help: ArgumentHelp(
      "Save the session here while a long prompt is read; the next run with the same prompt goes on there.",
      valueName: "file"))
  var checkpoint: String?

  @Flag(help: "Print one JSON object instead of the text.")
  var json = false

  @OptionGroup var adapters: RuntimeAdapterOptions
  @OptionGroup var samplingOptions: SamplingOptions
  @OptionGroup var grammarOptions: GrammarOptions
  @OptionGroup var contextOption: ContextOption
  @OptionGroup var chunkOption: ChunkOption
  @OptionGroup var speculation: SpeculationOption
  @OptionGroup var uses: UsesOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard [prompt, promptFile, tokens].filter({ $0 != nil }).count == 1 else {
      throw ValidationError("Give one of --prompt, --prompt-file and --tokens.")
    }
    guard maxTokens >= 0 else { throw ValidationError("-n takes a number from 0 on.") }
  }

  private func promptTokens(_ model: JambaModel) throws -> [Int32] {
    if let tokens { return try tokenIDs(tokens) }
    let text = try prompt ?? String(decoding: contents(of: promptFile!), as: UTF8.self)
    return try model.requireTokenizer().encode(text)
  }

  func run() throws {
    Interrupt.catchSignals()
    let grammar = try grammarOptions.load()
    let start = Terminal.seconds
    var sessionOptions = attention.sessionOptions(chunk: chunkOption.chunk, draft: speculation.draft)
    let model = try loading.open(
      self.model, context: contextOption.context, sessions: sessionOptions, adapters: adapters.paths,
      draftTexts: speculation.draftTexts, keepsUses: uses.areKept)
    sessionOptions.adapters = try adapters.load(model)
    let loaded = Terminal.seconds
    let promptTokens = try promptTokens(model)
    let session = try model.makeSession(options: sessionOptions)
    var options = GenerationOptions(
      sampling: samplingOptions.sampling(temperature: 0, topP: 1, seed: 0), maxTokens: maxTokens, stop: stop)
    options.stopsAtEnd = !ignoreEos
    options.grammar = grammar

    var bar = ProgressBar("reading", unit: .tokens)
    var read = 0
    func progress(_ done: Int) -> Bool {
      bar.update(read + done, of: promptTokens.count)
      return !Interrupt.isPending
    }
    if let checkpoint {
      // The prompt's last token is left for `generate`.
      try session.prefill(
        promptTokens.dropLast(), savingTo: checkpoint, progress: progress, isCancelled: { Interrupt.isPending })
      read = session.tokenCount
    }
    let generation = try session.generate(
      tokens: Array(promptTokens[read...]), options: options, progress: progress, isCancelled: { Interrupt.isPending })
    bar.finish()
    let prefilled = Terminal.seconds

    var generated: [Int32] = []
    var text = ""
    var reason = FinishReason.length
    var firstToken: Double?
    while let piece = try generation.next(isCancelled: { Interrupt.isPending }) {
      if firstToken == nil { firstToken = Terminal.seconds }
      if let token = piece.token { generated.append(token) }
      if json { text += piece.text } else { Output.write(piece.text) }
      if let finish = piece.finishReason { reason = finish }
    }
    let end = Terminal.seconds
    if json {
      // The first token comes from the prompt's logits: decoding is the steps after it.
      let decodeSeconds = end - (firstToken ?? end)
      let report: JSONObject = [
        "tokens": .array(generated.map { .integer(Int($0)) }),
        "text": .string(text),
        "finish_reason": .string(reason.rawValue),
        "usage": .object([
          "prompt_tokens": .integer(promptTokens.count), "completion_tokens": .integer(generated.count),
          "total_tokens": .integer(promptTokens.count + generated.count),
        ]),
        "speculation": .object([
          "passes": .integer(session.draftStatistics.passes), "guessed": .integer(session.draftStatistics.guessed),
          "right": .integer(session.draftStatistics.right),
        ]),
        "timings": .object([
          "load_seconds": .number(loaded - start),
          "prefill_seconds": .number(prefilled - loaded),
          "prefill_tokens_per_second": .number(Double(promptTokens.count) / max(prefilled - loaded, 1e-9)),
          "time_to_first_token": .number((firstToken ?? end) - start),
          "decode_seconds": .number(decodeSeconds),
          "decode_tokens_per_second": .number(Double(max(generated.count - 1, 0)) / max(decodeSeconds, 1e-9)),
        ]),
        "memory": model.memoryStatistics.report,
        "peak_resident_bytes": .integer(Processors.peakResidentByteCount),
      ]
      Output.write(JSON.object(report).text() + "\n")
    } else {
      Output.write("\n")
    }
    if reason == .cancelled { throw JambaError.cancelled }
  }
}
