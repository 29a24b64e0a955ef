import ArgumentParser
import CAllocator
import Jamba
import JambaServer
import JambaSystem

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serves a model to OpenAI clients and browsers.",
    discussion: """
      The page is at http://127.0.0.1:8080/, the API at http://127.0.0.1:8080/v1. Only this machine can reach them unless \
      --host says otherwise; then give --api-key-file, too. Ctrl-C and SIGTERM let running answers finish.
      """)

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "The address to listen on.")
  var host = "127.0.0.1"

  @Option(help: "The port to listen on; 0 takes a free one.")
  var port = 8080

  @Option(
    help: ArgumentHelp(
      "A socket of this machine's own to listen on, in place of address and port; only its user may connect.",
      valueName: "path"))
  var unix: String?

  @Option(help: ArgumentHelp("A file with the certificate, in PEM: the server speaks TLS then.", valueName: "file"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("A file with the certificate's key, in PEM.", valueName: "file"))
  var tlsKey: String?

  @Option(help: ArgumentHelp("Answers that are generated at the same time.", valueName: "n"))
  var sessions = 4

  @Option(help: ArgumentHelp("Requests that may wait for one of them; more are refused.", valueName: "n"))
  var queue = 32

  @Option(help: ArgumentHelp("The model's name to clients; the file's when not given.", valueName: "name"))
  var name: String?

  @Option(name: [.customShort("n"), .long], help: "The most tokens of an answer whose request does not say.")
  var maxTokens = 4096

  @Option(
    help: ArgumentHelp(
      "Memory for the states of earlier conversations, 1GiB when not given; at most a sixteenth of all.",
      valueName: "size")
  )
  var cache: ByteSize?

  @Option(help: ArgumentHelp("A file of API keys, one a line: requests must bring one.", valueName: "file"))
  var apiKeyFile: String?

  @Option(help: ArgumentHelp("A name that the server may be called by; may be given several times.", valueName: "name"))
  var allowedHost: [String] = []

  @Option(
    help: ArgumentHelp(
      "An origin whose pages may call the server, such as https://chat.example; may be given several times.",
      valueName: "origin"))
  var corsOrigin: [String] = []

  @Flag(help: "Refuse requests that name another model.")
  var strictModel = false

  @Flag(help: "Refuse members of requests that are not known; they are ignored and counted when not given.")
  var strict = false

  @Flag(help: "Log a line for each request: time, method, route, status, tokens, seconds; nothing of its content.")
  var logRequests = false

  @Option(help: "How requests are logged: text or json.")
  var logFormat = RequestLogFormat.text

  @Option(
    help: ArgumentHelp(
      "A folder into which clients may have states of texts saved, and from which they may have them restored.",
      valueName: "folder"))
  var slotSavePath: String?

  @Option(help: ArgumentHelp("How long running answers may go on when the server stops.", valueName: "seconds"))
  var grace = 30

  @Option(
    help: ArgumentHelp(
      "An adapter that jamba adapter has written, for requests whose model is \"MODEL:NAME\"; may be given several times.",
      valueName: "name=file[:scale]"))
  var adapter: [NamedAdapter] = []

  /// "NAME=FILE" or "NAME=FILE:SCALE"
  struct NamedAdapter: ExpressibleByArgument {
    let name: String
    let adapter: RuntimeAdapterOptions.Adapter

    init?(argument: String) {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.count <= 64,
        parts[0].utf8.allSatisfy({ NamedAdapter.marks.contains($0) || ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 }),
        let adapter = RuntimeAdapterOptions.Adapter(argument: parts[1])
      else { return nil }
      (name, self.adapter) = (parts[0], adapter)
    }

    private static let marks = Array("-_.".utf8)
  }

  @Option(help: ArgumentHelp("A chat template to use instead of the model's.", valueName: "file"))
  var chatTemplate: String?

  @OptionGroup var contextOption: ContextOption
  @OptionGroup var speculation: SpeculationOption
  @OptionGroup var uses: UsesOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard 0...65535 ~= port else { throw ValidationError("--port takes a number from 0 to 65535.") }
    guard 1...256 ~= sessions else { throw ValidationError("--sessions takes a number from 1 to 256.") }
    guard 0...10_000 ~= queue else { throw ValidationError("--queue takes a number from 0 to 10000.") }
    guard maxTokens > 0 else { throw ValidationError("-n takes a number from 1 on.") }
    guard (tlsCert == nil) == (tlsKey == nil) else { throw ValidationError("--tls-cert and --tls-key go together.") }
    guard Set(adapter.map(\.name)).count == adapter.count else {
      throw ValidationError("Two --adapter have the same name.")
    }
    guard 0...3600 ~= grace else { throw ValidationError("--grace takes a number from 0 to 3600.") }
  }

  func run() throws {
    // Large requests would leave each thread that reads them with as much memory, for good.
    allocator_return_large_blocks()
    let template = try chatTemplate.map { String(decoding: try contents(of: $0), as: UTF8.self) }
    var options = ServerOptions(modelName: name ?? Serve.name(of: self.model))
    options.host = host
    options.port = port
    options.socketPath = unix
    if let tlsCert, let tlsKey { options.tls = (tlsCert, tlsKey) }
    options.sessions = sessions
    options.queueLimit = queue
    options.defaultMaxTokens = maxTokens
    options.allowedHosts = allowedHost
    options.corsOrigins = corsOrigin
    options.graceSeconds = grace
    options.refusesOtherModelNames = strictModel
    options.refusesUnknownMembers = strict
    options.version = toolVersion
    if let slotSavePath {
      guard FileSystem.isDirectory(slotSavePath) else { throw CommandFailure("\(slotSavePath) is no folder") }
      options.slotFolder = slotSavePath
    }
    options.apiKeys = try keys()
    var modelOptions = loading.options(
      context: contextOption.context, sessions: attention.sessionOptions(draft: speculation.draft),
      chatTemplate: template, adapters: adapter.map(\.adapter.path), draftTexts: speculation.draftTexts,
      keepsUses: uses.areKept)
    modelOptions.sessions = sessions
    modelOptions.snapshotByteCount = cache?.byteCount ?? Serve.usualCacheByteCount
    let model = try JambaModel.open(self.model, options: modelOptions)
    for named in adapter {
      let applied = AppliedAdapter(try model.loadAdapter(named.adapter.path), scale: named.adapter.scale)
      options.adapters.append(ServedAdapter(name: named.name, applied))
    }
    let server = JambaServer(model, options: options)
    let outcome = Monitor<Result<Void, any Error>?>(nil)
    var log: (@Sendable (String) -> Void)?
    if logRequests { log = { Terminal.report($0) } }
    Task { [log] in
      let result: Result<Void, any Error>
      do {
        try await server.run(
          onListening: { Terminal.report("Listening on \(place($0))") }, onNotice: { Terminal.report($0) },
          logging: logFormat, onRequest: log)
        result = .success(())
      } catch { result = .failure(error) }
      outcome.withLock { $0 = result }
      outcome.signal(.result)
    }
    // What is still held of the model when the program ends is not closed.
    defer { model.keepUses() }
    do { try outcome.wait(for: .result, { $0 }).get() } catch let error as ServerError {
      throw CommandFailure("\(error)")
    }
  }

  private func place(_ port: Int?) -> String {
    if let unix { return "unix:\(unix)" }
    let address = host.contains(":") ? "[\(host)]" : host
    return "http\(tlsCert == nil ? "" : "s")://\(address):\(port ?? self.port)/"
  }

  /// A server has the conversations of many to remember.
  private static let usualCacheByteCount = 1 << 30

  private static func name(of path: String) -> String {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    return file.hasSuffix(".jamba") ? String(file.dropLast(".jamba".count)) : file
  }

  private func keys() throws -> [String] {
    guard let apiKeyFile else { return [] }
    let keys = String(decoding: try contents(of: apiKeyFile), as: UTF8.self).split(whereSeparator: \.isNewline)
      .map { $0.trimmed }.filter { !$0.isEmpty }
    guard !keys.isEmpty else { throw CommandFailure("\(apiKeyFile) holds no API key") }
    return keys
  }
}

extension Substring {
  /// Without white space at its ends.
  fileprivate var trimmed: String {
    var text = drop { $0.isWhitespace }
    while text.last?.isWhitespace ?? false { text.removeLast() }
    return String(text)
  }
}

extension RequestLogFormat: ExpressibleByArgument {}
