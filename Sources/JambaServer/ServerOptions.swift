public import Jamba

/// How a server listens, whom it answers, and what it takes on.
public struct ServerOptions: Sendable {
  /// The address to listen on; a loopback address is reachable from this machine alone.
  public var host = "127.0.0.1"
  /// 0 lets the system choose.
  public var port = 8080
  /// The path of a socket of this machine's own to listen on, in place of address and port. It is the user's alone.
  public var socketPath: String?
  /// Files in PEM with the server's certificate (and those behind it) and its key: with them it speaks TLS alone.
  public var tls: (certificate: String, key: String)?
  /// The name by which clients call the model.
  public var modelName: String
  /// Adapters that clients may choose, by names of their own.
  public var adapters: [ServedAdapter] = []
  /// Answers that are generated at the same time.
  public var sessions = 4
  /// Requests that may wait for one of the sessions; more are refused with status 429.
  public var queueLimit = 32
  /// The most tokens of an answer whose request names no number.
  public var defaultMaxTokens = 4096
  /// Keys of which a request must bring one; none asks for none.
  public var apiKeys: [String] = []
  /// Names under which the server may be called beside localhost, its host and addresses in digits.
  public var allowedHosts: [String] = []
  /// Origins whose pages may call the server from a browser, such as `https://chat.example`; `*` for all.
  public var corsOrigins: [String] = []
  /// Whether a request that names another model is refused; else the one that there is answers.
  public var refusesOtherModelNames = false
  /// Whether members of requests that the server does not know are refused; else they are passed over and counted.
  public var refusesUnknownMembers = false
  /// The folder in which clients may have slots saved, and restored from; nil for none.
  public var slotFolder: String?
  /// The program's version, for clients that ask.
  public var version = "0"
  /// How long running answers may go on once the server has been told to stop.
  public var graceSeconds = 30

  public init(modelName: String) { self.modelName = modelName }

  /// Names by which clients call the model, alone and with each of its adapters.
  var modelNames: [String] { [modelName] + adapters.map { modelName(with: $0) } }

  func modelName(with adapter: ServedAdapter?) -> String { adapter.map { modelName + ":" + $0.name } ?? modelName }

  /// The adapter that goes with a model's name; nil for the model alone.
  func adapter(named name: some StringProtocol) -> ServedAdapter? { adapters.first { modelName(with: $0) == name } }
}

/// An adapter that clients choose by the model's name, a colon, and its own.
public struct ServedAdapter: Sendable {
  public var name: String
  public var applied: AppliedAdapter

  public init(name: String, _ applied: AppliedAdapter) {
    self.name = name
    self.applied = applied
  }
}

/// Limits on what a client can make the server hold or wait for.
package enum Limits {
  static let bodyBytes = 8 << 20
  /// Of all bodies that are being read or parsed.
  static let bodyBytesInAll = 64 << 20
  /// Values, names and separators in a body: a tree of JSON takes many times the text's bytes.
  static let jsonParts = 400_000
  package static let headerFieldBytes = 16 << 10
  package static let headerBytes = 32 << 10
  package static let headerCount = 100
  static let connections = 256
  /// A connection on which nothing comes, or whose header does not end.
  static let idleSeconds: Int64 = 30
  /// From a body's beginning to its end.
  static let bodySeconds: Int64 = 60
  /// Until a client takes what it has been sent.
  static let writeSeconds: Int64 = 30
  /// Pieces that a client has not taken yet.
  static let bufferedPieces = 4096
  /// Answers to a prompt.
  static let choices = 16
  /// Prompts or inputs of a request, and answers to all of them.
  static let prompts = 2048
  /// Log-probabilities that are told of prompts and many answers.
  static let probabilities = 1 << 22
  /// Files in the folder of saved slots.
  static let slotFiles = 256
  static let messages = 10_000
  static let tools = 128
  static let stops = 16
  static let stopBytes = 1000
  static let biases = 1024
  package static let storedResponses = 1000
  package static let storedResponseBytes = 64 << 20
}
