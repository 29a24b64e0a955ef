public import JambaFormat
public import JambaTemplate

/// Options for opening a model.
public struct ModelOptions: Sendable {
  /// Threads that compute; nil takes as many as the process may use.
  public var threads: Int?
  public var instructionSet: InstructionSet

  public init(threads: Int? = nil, instructionSet: InstructionSet = .automatic) {
    self.threads = threads
    self.instructionSet = instructionSet
  }
}

/// A model in memory: immutable, shared by any number of sessions.
///
///     let model = try JambaModel.open("demo.jamba")
///     let session = try model.makeSession()
///     for try await piece in session.respond(to: [.user("Hello")]) { print(piece.text, terminator: "") }
public final class JambaModel: Sendable {
  public let path: String
  public let file: JambaFile
  public let configuration: ModelConfiguration
  /// The tokenizer; nil for a file without one, which works with token ids alone.
  public let tokenizer: Tokenizer?
  /// The model's own chat template; nil for a model that only completes text.
  public let chatTemplate: ChatTemplate?
  let engine: Engine
  let network: Network
  private let weights: ResidentWeights

  /// Opens a .jamba file, checks all of it and makes it ready to compute.
  public static func open(_ path: String, options: ModelOptions = ModelOptions()) throws(JambaError) -> JambaModel {
    let file: JambaFile
    do throws(FormatError) { file = try JambaFile(path: path) } catch { throw .format(error) }
    return try JambaModel(file, options)
  }

  private convenience init(_ file: JambaFile, _ options: ModelOptions) throws(JambaError) {
    let threads = options.threads ?? Processors.available
    guard 1...1024 ~= threads else {
      throw .invalidOption("the number of threads is \(threads), which is not within 1...1024")
    }
    try self.init(file, Engine(threads: threads, instructionSet: options.instructionSet))
  }

  private init(_ file: JambaFile, _ engine: Engine) throws(JambaError) {
    path = file.path
    self.file = file
    self.engine = engine
    weights = try ResidentWeights(file, engine: engine)
    configuration = try JambaModel.configuration(of: file)
    network = try Network(weights, configuration)
    tokenizer = try JambaModel.optionalTokenizer(of: file)
    chatTemplate = try JambaModel.chatTemplate(of: file)
  }

  private static func json(_ name: String, of file: JambaFile) throws(JambaError) -> JSON? {
    do { return try file.json(name) } catch { throw .format(error) }
  }

  /// The configuration that a file holds.
  public static func configuration(of file: JambaFile) throws(JambaError) -> ModelConfiguration {
    guard let config = try json(DocumentName.configuration, of: file) else {
      throw .format(.invalidModel(path: file.path, reason: "config.json is missing"))
    }
    let generation = try json(DocumentName.generationConfiguration, of: file)
    do { return try ModelConfiguration(config, generation: generation) } catch {
      throw .configuration(path: file.path, error)
    }
  }

  /// The tokenizer that a file holds.
  public static func tokenizer(of file: JambaFile) throws(JambaError) -> Tokenizer {
    guard let tokenizer = try optionalTokenizer(of: file) else { throw .missing("tokenizer") }
    return tokenizer
  }

  private static func optionalTokenizer(of file: JambaFile) throws(JambaError) -> Tokenizer? {
    guard let vocabulary = try json(DocumentName.tokenizer, of: file) else { return nil }
    let settings = try json(DocumentName.tokenizerConfiguration, of: file)
    do { return try Tokenizer(json: vocabulary, configuration: settings) } catch {
      throw .tokenizer(path: file.path, error)
    }
  }

  private static func chatTemplate(of file: JambaFile) throws(JambaError) -> ChatTemplate? {
    let source: [UInt8]?
    do { source = try file.document(DocumentName.chatTemplate) } catch { throw .format(error) }
    guard let source else { return nil }
    do { return try ChatTemplate(String(decoding: source, as: UTF8.self)) } catch { throw .template(error) }
  }

  /// Starts a text.
  public func makeSession(options: SessionOptions = SessionOptions()) throws(JambaError) -> Session {
    try Session(self, options)
  }

  /// The tokenizer, or the error that says that there is none.
  public func requireTokenizer() throws(JambaError) -> Tokenizer {
    guard let tokenizer else { throw .missing("tokenizer; give token ids instead of text") }
    return tokenizer
  }
}
