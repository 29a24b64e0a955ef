import ArgumentParser
import Jamba
import JambaFormat
import JambaSystem

/// The release this program is built from.
let toolVersion = "0.1.0"

struct ThreadOption: ParsableArguments {
  @Option(help: ArgumentHelp("Threads that compute; all that the process may use when not given.", valueName: "n"))
  var threads: Int?

  func validate() throws { try checked { () throws(JambaError) in try ModelOptions(threads: threads).validate() } }
}

/// What the runtime's own check of options refuses, as a mistake in the command line.
func checked(_ check: () throws(JambaError) -> Void) throws {
  do { try check() } catch { throw ValidationError("\(error).") }
}

/// "768MiB" or "4GiB", or a number of bytes.
struct ByteSize: ExpressibleByArgument {
  let byteCount: Int

  init?(argument: String) {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)]
    let unit = units.first { argument.hasSuffix($0.0) }
    guard let value = Double(argument.dropLast(unit?.0.count ?? 0)), value > 0, value * Double(unit?.1 ?? 1) < 0x1p60
    else { return nil }
    byteCount = Int(value * Double(unit?.1 ?? 1))
  }
}

extension FileAccess: ExpressibleByArgument {}

/// How to open a model: threads and memory.
struct LoadingOptions: ParsableArguments {
  @OptionGroup var threadOption: ThreadOption

  @Option(
    help: ArgumentHelp(
      "The most memory to use, such as 768MiB or 4GiB; what the system allows when not given.", valueName: "size"))
  var memory: ByteSize?

  @Option(
    help: ArgumentHelp(
      "Read weights that do not fit into memory through the page cache or past it: cached or direct; decided by sizes when not given.",
      valueName: "access"))
  var access: FileAccess?

  /// - Parameter sessions: how the model's sessions keep their text.
  func options(
    context: Int?, sessions: SessionOptions = SessionOptions(), chatTemplate: String? = nil, adapters: [String] = [],
    draftTexts: [String] = [], keepsUses: Bool = false
  ) -> ModelOptions {
    var options = ModelOptions(
      threads: threadOption.threads, memory: memory?.byteCount, context: context, sessionDefaults: sessions,
      access: access, chatTemplate: chatTemplate)
    options.adapters = adapters
    options.draftTexts = draftTexts
    options.keepsUses = keepsUses
    return options
  }

  func open(
    _ path: String, context: Int?, sessions: SessionOptions = SessionOptions(), chatTemplate: String? = nil,
    adapters: [String] = [], draftTexts: [String] = [], keepsUses: Bool = false
  ) throws(JambaError) -> JambaModel {
    try JambaModel.open(
      path,
      options: options(
        context: context, sessions: sessions, chatTemplate: chatTemplate, adapters: adapters, draftTexts: draftTexts,
        keepsUses: keepsUses))
  }
}

extension CacheType: ExpressibleByArgument {}

/// "all", or a number of tokens.
enum Window: ExpressibleByArgument {
  case all
  case tokens(Int)

  init?(argument: String) {
    if argument == "all" {
      self = .all
    } else if let count = Int(argument), count > 0 {
      self = .tokens(count)
    } else {
      return nil
    }
  }
}

struct SpeculationOption: ParsableArguments {
  enum Mode: String, ExpressibleByArgument, CaseIterable { case auto, off }

  @Option(
    help:
      "Guess tokens from what the text has said before and verify several in one pass, where that pays: auto or off. The tokens are the same.")
  var speculate = Mode.auto

  @Option(
    help: ArgumentHelp(
      "Guess from this text, too, which answers are expected to repeat parts of, such as documentation or code; may be given several times.",
      valueName: "file"))
  var draftText: [String] = []

  /// The most tokens to guess.
  var draft: Int { speculate == .auto ? 7 : 0 }
  /// Nothing is read that nobody guesses from.
  var draftTexts: [String] { speculate == .auto ? draftText : [] }
}

struct UsesOption: ParsableArguments {
  enum Mode: String, ExpressibleByArgument, CaseIterable { case auto, off }

  @Option(
    help:
      "Where experts take turns in memory, count which are used in MODEL.uses beside the model, and begin with those used most: auto or off. The tokens are the same."
  )
  var uses = Mode.auto

  var areKept: Bool { uses == .auto }
}

/// How many tokens a pass takes.
struct ChunkOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Tokens that are computed together; changes speed and memory, never the result.", valueName: "n"))
  var chunk = SessionOptions.usualChunk

  func validate() throws { try checked { () throws(JambaError) in try SessionOptions(chunk: chunk).validate() } }
}

/// Options of attention: window, sinks, and the type of the KV cache.
struct AttentionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Tokens that attention sees, the last ones; with a window memory is constant and the text may be of any length. all sees everything.",
      valueName: "n"))
  var window: Window?

  @Option(help: ArgumentHelp("Tokens at the beginning that are seen for ever beside the window.", valueName: "n"))
  var sinks: Int = 0

  @Option(
    help: ArgumentHelp(
      "How keys and values are kept: f16, int8, int4 or f32; int8 when not given, f32 beside weights in f32.", valueName: "type"))
  var kv: CacheType?

  /// nil for all.
  var size: Int? {
    switch window {
    case .tokens(let count): count
    case .all, nil: nil
    }
  }

  /// How sessions keep their text.
  func sessionOptions(chunk: Int = SessionOptions.usualChunk, draft: Int = 0) -> SessionOptions {
    SessionOptions(chunk: chunk, window: size, sinks: sinks, cacheType: kv, draft: draft)
  }

  /// A chat has no end: unless everything is asked for, its window is the context that memory is kept for, and the first
  /// tokens, to which attention clings, stay (Xiao and others 2023).
  func forChat(_ context: Int?) -> AttentionOptions {
    guard window == nil else { return self }
    var options = self
    let size = context ?? ModelOptions.usualContext
    options.window = .tokens(size)
    options.sinks = min(AttentionOptions.chatSinks, size - 1)
    return options
  }

  private static let chatSinks = 4

  func validate() throws {
    guard sinks == 0 || size != nil else { throw ValidationError("--sinks goes with --window N.") }
    try checked { () throws(JambaError) in try sessionOptions().validate() }
  }
}

struct ContextOption: ParsableArguments {
  @Option(
    help: ArgumentHelp("Tokens of text to keep memory for; \(ModelOptions.usualContext) when not given, if the model takes as many.", valueName: "n"))
  var context: Int?

  func validate() throws {
    try checked { () throws(JambaError) in try ModelOptions(context: context).validate() }
  }
}

/// "1,2,3" or "1 2 3".
func tokenIDs(_ text: String) throws -> [Int32] {
  try text.split(whereSeparator: { $0 == "," || $0.isWhitespace }).map {
    guard let id = Int32($0) else { throw CommandFailure("\"\($0)\" is not a token id") }
    return id
  }
}

/// Reads a text file of at most 1 GiB.
func contents(of path: String) throws -> [UInt8] {
  do { return try FileSystem.contents(of: path, limit: 1 << 30) } catch {
    throw FormatError.system(action: "read", path: path, error)
  }
}
