import JambaSystem
import Synchronization

public import CJamba
internal import Jamba
internal import JambaFormat

/// An answer whose pieces are asked for one by one. Its session is in use as long as it has more of them.
///
/// Invariant, which makes it sendable: what changes is touched by the call that has set `isInUse`, and at the end by `deinit`.
final class AnswerHandle: @unchecked Sendable {
  private let session: SessionHandle
  private let generation: Generation
  private let isInUse = Atomic(false)
  /// Why the answer ended, once it has.
  private var reason: FinishReason?
  /// What the piece handed out last points to.
  private var text = TextMemory()
  private var reasoning = TextMemory()
  private var toolCalls = TextMemory()

  /// - Parameter start: reads the prompt.
  init(_ handle: SessionHandle, _ start: (Session) throws(JambaError) -> Generation) throws(Failure) {
    try handle.take()
    do throws(Failure) {
      generation = try runtime { () throws(JambaError) in try start(handle.session) }
    } catch {
      handle.giveBack()
      throw error
    }
    session = handle
  }

  deinit { if reason == nil { session.giveBack() } }

  /// - Returns: the next piece, and with the last one and after it how the answer ended.
  func next() throws(Failure) -> (piece: jamba_piece, result: jamba_result?) {
    guard !isInUse.exchange(true, ordering: .acquiring) else {
      throw Failure(JAMBA_ERROR_BUSY, "the answer is in use by another call")
    }
    defer { isInUse.store(false, ordering: .releasing) }
    let piece = try runtime { () throws(JambaError) in try generation.next() }
    var given = unsafe jamba_piece()
    unsafe given.struct_size = MemoryLayout<jamba_piece>.size
    unsafe given.token = piece?.token ?? -1
    text.hold(piece?.text ?? "")
    reasoning.hold(piece?.reasoning ?? "")
    unsafe (given.text, given.text_length) = (text.start, text.count)
    unsafe (given.reasoning, given.reasoning_length) = (reasoning.start, reasoning.count)
    if let calls = piece?.toolCalls, !calls.isEmpty {
      toolCalls.hold(JSON.array(calls.map(\.json)).text())
      unsafe given.tool_calls = toolCalls.start
    }
    if let ended = piece?.finishReason {
      reason = ended
      session.giveBack()
    }
    return unsafe (given, reason.map { jamba_result($0, generation.usage) })
  }
}

/// A text that C reads until the next one is held in the same memory. Invariant: `bytes` is an allocation, and begins with
/// `count` bytes and a NUL.
@safe
private struct TextMemory: ~Copyable {
  private var bytes: UnsafeMutableBufferPointer<UInt8>
  private(set) var count = 0
  var start: UnsafePointer<CChar>? {
    unsafe UnsafeRawPointer(bytes.baseAddress!).assumingMemoryBound(to: CChar.self)
  }

  init() {
    unsafe bytes = .allocate(capacity: 64)
    unsafe bytes[0] = 0
  }

  mutating func hold(_ text: String) {
    count = text.utf8.count
    if unsafe count >= bytes.count {
      unsafe bytes.deallocate()
      unsafe bytes = .allocate(capacity: 2 * count)
    }
    _ = unsafe bytes.update(fromContentsOf: text.utf8)
    unsafe bytes[count] = 0
  }

  deinit { unsafe bytes.deallocate() }
}

@c @implementation public func jamba_generate_begin(
  _ session: OpaquePointer!, _ tokens: UnsafePointer<Int32>!, _ count: Int,
  _ options: UnsafePointer<jamba_generation_options>!, _ callbacks: UnsafePointer<jamba_callbacks>!,
  _ answer: UnsafeMutablePointer<OpaquePointer?>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let tokens = unsafe try array(tokens, count, limit: ArgumentLimits.tokenCount, "tokens")
    let options = unsafe try GenerationOptions(options)
    let callbacks = unsafe try Callbacks(callbacks)
    unsafe try checkResult(answer)
    let started = try AnswerHandle(handle) { (session) throws(JambaError) in
      try session.generate(
        tokens: tokens, options: options, progress: { callbacks.progress($0, tokens.count) },
        isCancelled: { callbacks.isCancelled })
    }
    unsafe answer.pointee = Handles.answers.insert(started)
  }
}

@c @implementation public func jamba_chat_begin(
  _ session: OpaquePointer!, _ messages: UnsafePointer<jamba_message>!, _ count: Int,
  _ chat: UnsafePointer<jamba_chat_options>!, _ options: UnsafePointer<jamba_generation_options>!,
  _ callbacks: UnsafePointer<jamba_callbacks>!, _ answer: UnsafeMutablePointer<OpaquePointer?>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let chat = unsafe try Chat(messages, count, chat)
    guard chat.asksForAnswer else { throw .argument("the flags of a chat's options ask for no answer") }
    let options = unsafe try GenerationOptions(options)
    let callbacks = unsafe try Callbacks(callbacks)
    unsafe try checkResult(answer)
    let started = try AnswerHandle(handle) { (session) throws(JambaError) in
      try session.answer(
        to: chat.messages, options: options, chat: chat.options, progress: callbacks.progress,
        isCancelled: { callbacks.isCancelled })
    }
    unsafe answer.pointee = Handles.answers.insert(started)
  }
}

@c @implementation public func jamba_answer_next(
  _ answer: OpaquePointer!, _ piece: UnsafeMutablePointer<jamba_piece>!, _ result: UnsafeMutablePointer<jamba_result>!
) -> jamba_status {
  report { () throws(Failure) in
    let answer = unsafe try Handles.answers.object(of: answer)
    unsafe try checkResult(piece, "the piece")
    unsafe try checkResult(result, "the result")
    let step = unsafe try answer.next()
    unsafe try store(step.piece, in: piece, "the piece")
    if let ended = unsafe step.result { unsafe try store(ended, in: result, "the result") }
  }
}

@c @implementation public func jamba_answer_free(_ answer: OpaquePointer!) {
  unsafe Handles.answers.free(answer)
}
