internal import CJamba
internal import Jamba
internal import JambaFormat

/// The failure of a call: a status and a sentence.
struct Failure: Error {
  let status: jamba_status
  let reason: String

  init(_ status: jamba_status, _ reason: String) {
    self.status = status
    self.reason = reason
  }

  static func argument(_ reason: String) -> Failure { Failure(JAMBA_ERROR_ARGUMENT, reason) }

  init(_ error: JambaError) {
    self.init(Failure.status(of: error), "\(error)")
  }

  private static func status(of error: JambaError) -> jamba_status {
    switch error {
    case .format(.system(_, _, .outOfMemory)): JAMBA_ERROR_MEMORY
    case .format(.system): JAMBA_ERROR_FILE
    case .format, .configuration, .tokenizer, .notANumber: JAMBA_ERROR_FORMAT
    case .template: JAMBA_ERROR_TEMPLATE
    case .grammar: JAMBA_ERROR_GRAMMAR
    case .outOfMemory, .memoryTooSmall, .memoryLimitReached: JAMBA_ERROR_MEMORY
    case .cannotStart: JAMBA_ERROR_THREADS
    case .invalidOption, .emptyPrompt: JAMBA_ERROR_ARGUMENT
    case .invalidToken: JAMBA_ERROR_TOKEN
    case .contextFull: JAMBA_ERROR_CONTEXT_FULL
    case .sessionBusy: JAMBA_ERROR_BUSY
    case .missing: JAMBA_ERROR_MISSING
    case .foreignSession, .foreignAdapters: JAMBA_ERROR_FOREIGN_SESSION
    case .cancelled: JAMBA_CANCELLED
    }
  }
}

/// Runs the body of a call and turns what it throws into a status and the thread's error text.
func report(_ body: () throws(Failure) -> Void) -> jamba_status {
  do throws(Failure) {
    try body()
    return JAMBA_OK
  } catch {
    remember(error.reason)
    return error.status
  }
}

/// Runs a call of the runtime.
func runtime<Result>(_ body: () throws(JambaError) -> Result) throws(Failure) -> Result {
  do throws(JambaError) { return try body() } catch { throw Failure(error) }
}

/// Makes a sentence this thread's last error, cut between two characters where it is too long.
private func remember(_ reason: String) {
  var bytes = Array(reason.utf8)
  let limit = Int(JAMBA_ERROR_TEXT_SIZE) - 1
  if bytes.count > limit {
    var end = limit
    while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    bytes.removeLast(bytes.count - end)
  }
  bytes.append(0)
  guard let target = unsafe jamba_error_text() else { return }
  for (index, byte) in bytes.enumerated() { unsafe target[index] = CChar(bitPattern: byte) }
}
