import ArgumentParser
import Jamba
import JambaSystem

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures the speed of a model on this machine.",
    discussion: """
      Each repetition reads a prompt, generates, and measures what the machine itself does at best: how fast its memory \
      is read and how fast it multiplies int8. Decoding is bound by the first, prefill by the second; their shares say how \
      much of it is used. All figures are medians.

      With --depth both begin after so many tokens of a text that is made up, not computed. Several depths take turns in \
      each repetition, so that their figures can be compared. With --adapter passes without and with it follow each \
      other, and the ratio of their times is told.
      """)

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(name: [.customShort("p"), .long], help: "Tokens of the prompt.")
  var promptTokens = 512

  @Option(name: [.customShort("n"), .long], help: "Tokens to generate.")
  var generatedTokens = 128

  @Option(name: [.short, .long], help: "Repetitions, after one that is not counted.")
  var repetitions = 5

  @Option(
    help: ArgumentHelp(
      "Tokens in the session before those that are read or generated, such as 1024,131072; 0 when not given.",
      valueName: "n,..."))
  var depth = DepthList(depths: [0])

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var adapters: RuntimeAdapterOptions
  @OptionGroup var chunkOption: ChunkOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard promptTokens > 0, generatedTokens > 0, repetitions > 0 else {
      throw ValidationError("-p, -n and -r take numbers from 1 on.")
    }
  }

  func run() throws {
    Interrupt.catchSignals()
    let start = Terminal.seconds
    let options = attention.sessionOptions(chunk: chunkOption.chunk)
    let model = try loading.open(
      self.model,
      context: max(
        depth.depths.max()! + max(promptTokens, generatedTokens + 1), promptTokens + (adapters.adapter.isEmpty ? 0 : generatedTokens)),
      sessions: options, adapters: adapters.paths)
    let session = try model.makeSession(options: options)
    let adapted = try adaptedSession(model, options)
    _ = try session.append(tokens(1, of: model))
    let timeToFirstToken = Terminal.seconds - start

    var ratios = Ratios()
    var atDepths = depth.depths.map { DepthFigures(depth: $0) }
    var bandwidth: [Double] = []
    var int8Rate: [Double] = []
    for repetition in 0...repetitions {
      for index in atDepths.indices {
        let session = try model.makeSession(options: options)
        let (prefill, decode) = try measure(session, depth: atDepths[index].depth)
        // Before the machine's own measurement, which takes memory of its own.
        if repetition == 0 {
          atDepths[index].stateByteCount = session.stateByteCount
          atDepths[index].peakResidentByteCount = Processors.peakResidentByteCount
        } else {
          atDepths[index].prefill.append(prefill)
          atDepths[index].decode.append(decode)
        }
      }
      if let adapted { try measurePairs(session, adapted, &ratios) }
      let machine = try model.measureMachine()
      guard repetition > 0 else { continue }
      if let rate = machine.readBandwidth { bandwidth.append(rate) }
      int8Rate.append(machine.int8Rate)
    }
    let result = Figures(
      depths: atDepths, timeToFirstToken: timeToFirstToken, weightBytesPerToken: model.weightBytesPerToken,
      productsPerToken: model.productsPerToken, bandwidth: bandwidth.isEmpty ? nil : Bench.median(bandwidth),
      int8Rate: Bench.median(int8Rate), memory: model.memoryStatistics, threads: model.threadCount,
      instructionSet: model.instructionSetName,
      adapted: adapted == nil ? nil : (Bench.median(ratios.prefill), Bench.median(ratios.decode)))
    Output.write(json ? result.report.text() + "\n" : result.summary)
  }

  /// Rates with adapters, as shares of those without, of two passes that follow each other.
  private struct Ratios {
    var prefill: [Double] = []
    var decode: [Double] = []
  }

  /// Chunks of the prompt, then tokens, once without and once with adapters, in turn, so that what else the machine does
  /// meets both.
  private func measurePairs(_ session: Session, _ adapted: Session, _ ratios: inout Ratios) throws {
    try session.reset()
    try adapted.reset()
    func seconds(_ tokens: [Int32], _ session: Session) throws -> Double {
      let start = Terminal.seconds
      _ = try append(tokens, to: session)
      return Terminal.seconds - start
    }
    func pair(_ tokens: [Int32], adaptedFirst: Bool) throws -> Double {
      if adaptedFirst {
        let other = try seconds(tokens, adapted)
        return try seconds(tokens, session) / other
      }
      let plain = try seconds(tokens, session)
      return try plain / seconds(tokens, adapted)
    }
    let chunk = min(chunkOption.chunk, promptTokens)
    for (index, start) in stride(from: 0, through: promptTokens - chunk, by: chunk).enumerated() {
      let part = Array(tokens(start + chunk, of: session.model).suffix(chunk))
      ratios.prefill.append(try pair(part, adaptedFirst: index % 2 == 1))
    }
    for index in 0..<generatedTokens {
      let token = Array(tokens(index + 1, of: session.model).suffix(1))
      ratios.decode.append(try pair(token, adaptedFirst: index % 2 == 1))
    }
    try session.reset()
    try adapted.reset()
  }

  /// nil where no adapter is given.
  private func adaptedSession(_ model: JambaModel, _ options: SessionOptions) throws(JambaError) -> Session? {
    guard !adapters.adapter.isEmpty else { return nil }
    var options = options
    options.adapters = try adapters.load(model)
    return try model.makeSession(options: options)
  }

  /// Arbitrary tokens, the same every time.
  private func tokens(_ count: Int, of model: JambaModel) -> [Int32] {
    let vocabulary = model.configuration.vocabSize
    return (0..<count).map { Int32(($0 &* 7919 &+ 104_729) % vocabulary) }
  }

  private func append(_ tokens: [Int32], to session: Session) throws -> [Float] {
    try session.append(tokens, progress: { _ in !Interrupt.isPending })
  }

  /// Tokens per second of reading a prompt and of generating, both after `depth` tokens.
  private func measure(_ session: Session, depth: Int) throws -> (prefill: Double, decode: Double) {
    if depth > 0 { try session.fill(to: depth) }
    let prompt = tokens(promptTokens, of: session.model)
    var start = Terminal.seconds
    _ = try append(prompt, to: session)
    let prefill = Double(promptTokens) / (Terminal.seconds - start)

    if depth == 0 {
      try session.reset()
      _ = try append(tokens(1, of: session.model), to: session)
    }
    let generated = tokens(1 + generatedTokens, of: session.model).suffix(generatedTokens)
    start = Terminal.seconds
    for token in generated {
      if Interrupt.isPending { throw JambaError.cancelled }
      _ = try session.append([token])
    }
    return (prefill, Double(generatedTokens) / (Terminal.seconds - start))
  }

  /// What was measured after `depth` tokens.
  private struct DepthFigures {
    let depth: Int
    /// Tokens per second, by repetition.
    var prefill: [Double] = []
    var decode: [Double] = []
    var stateByteCount = 0
    /// Of the process so far, with depths before this one.
    var peakResidentByteCount = 0

    init(depth: Int) { self.depth = depth }

    var report: JSON {
      .object([
        "depth": .integer(depth),
        "prefill_tokens_per_second": .number(Bench.median(prefill)),
        "decode_tokens_per_second": .number(Bench.median(decode)),
        "state_bytes": .integer(stateByteCount),
        "peak_resident_bytes": .integer(peakResidentByteCount),
      ])
    }
  }

  private struct Figures {
    let depths: [DepthFigures]
    let timeToFirstToken: Double
    let weightBytesPerToken: Int
    let productsPerToken: Int
    /// nil where the memory limit left no room to measure it.
    let bandwidth: Double?
    let int8Rate: Double
    let memory: MemoryStatistics
    let threads: Int
    let instructionSet: String
    /// With adapters, as shares; nil where none was given.
    let adapted: (prefill: Double, decode: Double)?

    private var first: DepthFigures { depths[0] }
    private var prefill: Double { Bench.median(first.prefill) }
    private var decode: Double { Bench.median(first.decode) }
    private var bytesPerToken: Int { weightBytesPerToken + first.stateByteCount }
    private var bandwidthShare: Double? { bandwidth.map { decode * Double(bytesPerToken) / $0 } }
    private var int8Share: Double { prefill * Double(productsPerToken) / int8Rate }

    var report: JSON {
      .object([
        "prefill_tokens_per_second": .number(prefill),
        "decode_tokens_per_second": .number(decode),
        "time_to_first_token": .number(timeToFirstToken),
        "bytes_per_token": .integer(bytesPerToken),
        "read_bandwidth": bandwidth.map(JSON.number) ?? .null,
        "read_bandwidth_share": bandwidthShare.map(JSON.number) ?? .null,
        "products_per_token": .integer(productsPerToken),
        "int8_rate": .number(int8Rate),
        "int8_rate_share": .number(int8Share),
        "memory": memory.report,
        "peak_resident_bytes": .integer(first.peakResidentByteCount),
        "depths": .array(depths.map(\.report)),
        "threads": .integer(threads),
        "instruction_set": .string(instructionSet),
        "adapter_prefill_ratio": adapted.map { .number($0.prefill) } ?? .null,
        "adapter_decode_ratio": adapted.map { .number($0.decode) } ?? .null,
      ])
    }

    var summary: String {
      func decimal(_ value: Double) -> String { Terminal.decimal(value, 1) }
      func share(_ value: Double) -> String { Terminal.decimal(100 * value, 0) + " %" }
      let bound =
        if let bandwidth, let bandwidthShare {
          "\(share(bandwidthShare)) of \(decimal(bandwidth / 1e9)) GB/s at "
        } else { "" }
      var lines = [
        "prefill              \(decimal(prefill)) tokens/s, \(share(int8Share)) of \(decimal(int8Rate / 1e9)) G int8 products/s",
        "decode               \(decimal(decode)) tokens/s, \(bound)\(Terminal.size(bytesPerToken)) a token",
        "time to first token  \(Terminal.decimal(timeToFirstToken, 2)) s from opening the file, for a prompt of one token",
        "peak resident set    \(Terminal.size(first.peakResidentByteCount))",
        "on                   \(threads) threads, \(instructionSet)",
      ]
      if let adapted {
        lines.append(
          "with the adapter     prefill \(Terminal.decimal(adapted.prefill, 3)), decode \(Terminal.decimal(adapted.decode, 3)) times as fast")
      }
      if memory.requests > 0 {
        let hits = share(Double(memory.hits + memory.lateHits) / Double(memory.requests))
        lines.append(
          "weights read         \(Terminal.size(memory.bytesRead)), \(hits) of requests met; "
            + "\(Terminal.decimal(memory.stallSeconds, 1)) s waited")
      }
      for figures in depths where depths.count > 1 || figures.depth > 0 {
        let (prefill, decode) = (Bench.median(figures.prefill), Bench.median(figures.decode))
        lines.append(
          "after \(figures.depth) tokens: prefill \(decimal(prefill)), decode \(decimal(decode)) tokens/s "
            + "(\(Terminal.decimal(prefill / self.prefill, 2)) and \(Terminal.decimal(decode / self.decode, 2)) of the first); "
            + "state \(Terminal.size(figures.stateByteCount)), at most \(Terminal.size(figures.peakResidentByteCount)) in memory"
        )
      }
      return lines.map { $0 + "\n" }.joined()
    }
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

/// Numbers of tokens, such as "1024,131072".
struct DepthList: ExpressibleByArgument {
  let depths: [Int]

  init(depths: [Int]) { self.depths = depths }

  init?(argument: String) {
    let depths = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard depths.allSatisfy({ $0.map { $0 >= 0 } ?? false }) else { return nil }
    self.depths = depths.compactMap(\.self)
  }
}
