import JambaGrammar
import JambaSystem

public import CJamba
internal import Jamba
internal import JambaFormat

@c @implementation public func jamba_generate(
  _ session: OpaquePointer!, _ tokens: UnsafePointer<Int32>!, _ count: Int,
  _ options: UnsafePointer<jamba_generation_options>!, _ callbacks: UnsafePointer<jamba_callbacks>!,
  _ result: UnsafeMutablePointer<jamba_result>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let tokens = unsafe try array(tokens, count, limit: ArgumentLimits.tokenCount, "tokens")
    let options = unsafe try GenerationOptions(options)
    let callbacks = unsafe try Callbacks(callbacks)
    try handle.exclusively { (session) throws(Failure) in
      unsafe try run(callbacks, result) { () throws(JambaError) in
        try session.generate(
          tokens: tokens, options: options, progress: { callbacks.progress($0, tokens.count) },
          isCancelled: { callbacks.isCancelled })
      }
    }
  }
}

@c @implementation public func jamba_chat(
  _ session: OpaquePointer!, _ messages: UnsafePointer<jamba_message>!, _ count: Int,
  _ chat: UnsafePointer<jamba_chat_options>!, _ options: UnsafePointer<jamba_generation_options>!,
  _ callbacks: UnsafePointer<jamba_callbacks>!, _ result: UnsafeMutablePointer<jamba_result>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let chat = unsafe try Chat(messages, count, chat)
    guard chat.asksForAnswer else { throw .argument("the flags of a chat's options ask for no answer") }
    let options = unsafe try GenerationOptions(options)
    let callbacks = unsafe try Callbacks(callbacks)
    try handle.exclusively { (session) throws(Failure) in
      unsafe try run(callbacks, result) { () throws(JambaError) in
        try session.answer(
          to: chat.messages, options: options, chat: chat.options, progress: callbacks.progress,
          isCancelled: { callbacks.isCancelled })
      }
    }
  }
}

/// The token loop: hands out pieces until the answer ends or a callback stops it.
private func run(
  _ callbacks: Callbacks, _ result: UnsafeMutablePointer<jamba_result>?, _ start: () throws(JambaError) -> Generation
) throws(Failure) {
  if unsafe result != nil { unsafe try checkResult(result, "the result") }
  let generation = try runtime(start)
  var reason = FinishReason.cancelled
  while let piece = try runtime({ () throws(JambaError) in
    try generation.next(isCancelled: { callbacks.isCancelled })
  }) {
    if let finish = piece.finishReason { reason = finish }
    guard callbacks.piece(piece) else { break }
  }
  guard unsafe result != nil else { return }
  unsafe try store(jamba_result(reason, generation.usage), in: result, "the result")
}

extension jamba_result {
  init(_ reason: FinishReason, _ usage: Usage) {
    self.init()
    finish =
      switch reason {
      case .stop: JAMBA_FINISH_STOP
      case .length: JAMBA_FINISH_LENGTH
      case .toolCalls: JAMBA_FINISH_TOOL_CALLS
      case .cancelled: JAMBA_FINISH_CANCELLED
      }
    prompt_tokens = UInt32(clamping: usage.promptTokens)
    completion_tokens = UInt32(clamping: usage.completionTokens)
  }
}

extension GenerationOptions {
  init(_ pointer: UnsafePointer<jamba_generation_options>?) throws(Failure) {
    let given = unsafe try structure(pointer, jamba_generation_options(), "the generation's options")
    unsafe try JambaC.flags(given.flags, allowed: JAMBA_IGNORE_END)
    let stops = unsafe try array(given.stops, given.stop_count, limit: ArgumentLimits.stopCount, "stop texts")
      .map { (stop) throws(Failure) in unsafe try text(stop, "a stop text") }
    unsafe self.init(
      sampling: unsafe try Sampling(given.sampling), maxTokens: orDefault(given.max_tokens) ?? 512, stop: stops,
      stopsAtEnd: given.flags & JAMBA_IGNORE_END == 0,
      grammar: unsafe try Grammar.of(optionalText(given.grammar, "the grammar"), json(given.json_schema, "the schema")))
  }
}

extension Grammar {
  fileprivate static func of(_ source: String?, _ schema: JSON?) throws(Failure) -> Grammar? {
    guard source == nil || schema == nil else { throw .argument("there are both a grammar and a schema") }
    return try runtime { () throws(JambaError) in
      do throws(GrammarError) {
        if let source { return try Grammar(source: source) }
        return try schema.map { (schema) throws(GrammarError) in try Grammar(jsonSchema: schema) }
      } catch { throw .grammar(error) }
    }
  }
}
