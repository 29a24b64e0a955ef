import JambaSystem

internal import CJamba
internal import Jamba
internal import JambaFormat

/// The caller's callbacks; what is NULL says nothing and stops nothing. Invariant: used during the caller's call alone.
@safe
struct Callbacks {
  private let raw: jamba_callbacks

  init(_ pointer: UnsafePointer<jamba_callbacks>?) throws(Failure) {
    unsafe raw = try structure(pointer, jamba_callbacks(), "callbacks")
  }

  /// - Returns: whether to go on.
  func progress(_ done: Int, _ total: Int) -> Bool {
    guard let progress = unsafe raw.progress else { return true }
    return unsafe progress(raw.context, UInt64(clamping: done), UInt64(clamping: total)) == 0
  }

  var isCancelled: Bool {
    guard let cancelled = unsafe raw.cancelled else { return false }
    return unsafe cancelled(raw.context) != 0
  }

  func log(_ line: String) {
    guard let log = unsafe raw.log else { return }
    unsafe line.withCString { unsafe log(raw.context, $0) }
  }

  /// - Returns: whether to go on.
  func piece(_ piece: Piece) -> Bool {
    guard let callback = unsafe raw.piece else { return true }
    return unsafe piece.text.withCString { text in
      unsafe piece.reasoning.withCString { reasoning in
        var given = unsafe jamba_piece()
        unsafe given.struct_size = MemoryLayout<jamba_piece>.size
        unsafe given.token = piece.token ?? -1
        unsafe given.text = text
        unsafe given.text_length = piece.text.utf8.count
        unsafe given.reasoning = reasoning
        unsafe given.reasoning_length = piece.reasoning.utf8.count
        guard !piece.toolCalls.isEmpty else { return unsafe callback(raw.context, &given) == 0 }
        return unsafe JSON.array(piece.toolCalls.map(\.json)).text().withCString { calls in
          unsafe given.tool_calls = calls
          return unsafe callback(raw.context, &given) == 0
        }
      }
    }
  }
}
