public import JambaFormat
public import JambaGrammar
public import JambaSystem
public import JambaTemplate
public import JambaText

/// Why an operation of the runtime failed.
public enum JambaError: Error, Sendable, CustomStringConvertible {
  /// A file cannot be read or written, is damaged, or is none of ours.
  case format(FormatError)
  /// The file's config.json makes no model.
  case configuration(path: String, ConfigurationError)
  /// The file's tokenizer.json makes no tokenizer.
  case tokenizer(path: String, TokenizerError)
  /// The chat template is not one, or refused the conversation.
  case template(TemplateError)
  /// A grammar or a schema cannot be used, or came to a place where no token fits.
  case grammar(GrammarError)
  /// The system refuses this many bytes more.
  case outOfMemory(byteCount: Int)
  /// The model cannot run within the limit. `least` bytes would do for `context` tokens; `largestContext` is what the
  /// limit has room for, if anything.
  case memoryTooSmall(MemoryLimit, least: Int, context: Int, largestContext: Int?)
  /// Sessions have used up what the limit leaves them.
  case memoryLimitReached(MemoryLimit, context: Int)
  /// The threads that compute cannot be started.
  case cannotStart(reason: String)
  /// An option that makes no sense, such as a negative temperature.
  case invalidOption(String)
  /// A token id outside the vocabulary.
  case invalidToken(Int, vocabularyCount: Int)
  /// There is nothing to go on from: no prompt, and no token that begins a text.
  case emptyPrompt
  /// The text has reached the model's largest position.
  case contextFull(limit: Int)
  /// Another call is using the session.
  case sessionBusy
  /// The model file has no tokenizer or no chat template.
  case missing(String)
  /// A saved session of another model file.
  case foreignSession(path: String)
  /// The model came to infinities, and what is not a number.
  case notANumber(NumberFault)
  /// A saved session that was read with other adapters.
  case foreignAdapters(path: String, saved: Int, given: Int)
  /// A callback or the cancelled task stopped it.
  case cancelled

  public var description: String {
    switch self {
    case .format(let error): error.description
    case .configuration(let path, let error): "\(path) does not hold a usable model: \(error)"
    case .tokenizer(let path, let error): "\(path) does not hold a usable tokenizer: \(error)"
    case .template(let error): "\(error)"
    case .grammar(let error): "\(error)"
    case .outOfMemory(let byteCount): "not enough memory: \(byteCount) bytes more cannot be had"
    case .memoryTooSmall(let limit, let least, let context, let largest):
      "\(limit) is too little: the model with a text of \(context) tokens needs \(MemoryLimit.text(least))"
        + (largest.map { "; within the limit fit \($0) tokens" } ?? "")
    case .memoryLimitReached(let limit, let context):
      "\(limit) has no room for a text of \(context) tokens beside the model; open it for a larger context or with more memory"
    case .cannotStart(let reason): "cannot start: \(reason)"
    case .invalidOption(let reason): reason
    case .invalidToken(let id, let count): "token \(id) is not in the vocabulary of \(count)"
    case .emptyPrompt: "the prompt is empty and the model has no token to begin with"
    case .contextFull(let limit): "the text has reached the model's limit of \(limit) tokens"
    case .sessionBusy: "the session is in use by another call"
    case .missing(let what): "the model file has no \(what)"
    case .notANumber(let fault): fault.description
    case .foreignSession(let path): "\(path) was saved with another model file and goes with that one only"
    case .foreignAdapters(let path, let saved, let given):
      "\(path) was saved with \(saved == 0 ? "no adapter" : saved == given ? "other adapters or scales" : saved == 1 ? "one adapter" : "\(saved) adapters") and goes on with the same ones only; to change them, read its text anew"
    case .cancelled: "cancelled"
    }
  }
}
