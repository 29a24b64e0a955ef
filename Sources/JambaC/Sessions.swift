public import CJamba
internal import Jamba
internal import JambaFormat

@c @implementation public func jamba_session_create(
  _ model: OpaquePointer!, _ options: UnsafePointer<jamba_session_options>!,
  _ session: UnsafeMutablePointer<OpaquePointer?>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    let options = unsafe try SessionOptions(options, model)
    unsafe try checkResult(session)
    let created = try runtime { () throws(JambaError) in try model.makeSession(options: options) }
    unsafe session.pointee = Handles.sessions.insert(SessionHandle(created))
  }
}

@c @implementation public func jamba_session_restore(
  _ model: OpaquePointer!, _ path: UnsafePointer<CChar>!, _ options: UnsafePointer<jamba_session_options>!,
  _ session: UnsafeMutablePointer<OpaquePointer?>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    let path = unsafe try text(path, "the path")
    let options = unsafe try SessionOptions(options, model)
    unsafe try checkResult(session)
    let restored = try runtime { () throws(JambaError) in try model.makeSession(restoring: path, options: options) }
    unsafe session.pointee = Handles.sessions.insert(SessionHandle(restored.session, note: restored.note))
  }
}

@c @implementation public func jamba_session_save(
  _ session: OpaquePointer!, _ path: UnsafePointer<CChar>!, _ note: UnsafeRawPointer!, _ noteSize: Int
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let path = unsafe try text(path, "the path")
    let note = unsafe try array(
      note?.assumingMemoryBound(to: UInt8.self), noteSize, limit: ArgumentLimits.textByteCount, "bytes of the note")
    try handle.exclusively { (session) throws(Failure) in
      try runtime { () throws(JambaError) in try session.save(to: path, note: note) }
    }
  }
}

@c @implementation public func jamba_session_note(
  _ session: OpaquePointer!, _ note: UnsafeMutableRawPointer!, _ capacity: Int, _ size: UnsafeMutablePointer<Int>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let room = unsafe try Room(note?.assumingMemoryBound(to: UInt8.self), capacity, size)
    let saved = handle.note
    try room.fill(saved.span)
  }
}

@c @implementation public func jamba_session_fork(
  _ session: OpaquePointer!, _ fork: UnsafeMutablePointer<OpaquePointer?>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    unsafe try checkResult(fork)
    let second = try handle.exclusively { (session) throws(Failure) in
      try runtime { () throws(JambaError) in try session.fork() }
    }
    unsafe fork.pointee = Handles.sessions.insert(SessionHandle(second, note: handle.note))
  }
}

@c @implementation public func jamba_session_rewind(
  _ session: OpaquePointer!, _ tokenCount: Int, _ callbacks: UnsafePointer<jamba_callbacks>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let callbacks = unsafe try Callbacks(callbacks)
    try handle.exclusively { (session) throws(Failure) in
      try runtime { () throws(JambaError) in
        try session.rewind(to: tokenCount) { callbacks.progress($0, tokenCount) && !callbacks.isCancelled }
      }
    }
  }
}

@c @implementation public func jamba_session_reset(_ session: OpaquePointer!) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    try handle.exclusively { (session) throws(Failure) in
      try runtime { () throws(JambaError) in try session.reset() }
    }
  }
}

@c @implementation public func jamba_session_tokens(
  _ session: OpaquePointer!, _ tokens: UnsafeMutablePointer<Int32>!, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let room = unsafe try Room(tokens, capacity, count)
    try handle.exclusively { (session) throws(Failure) in try room.fill(session.tokens.span) }
  }
}

@c @implementation public func jamba_session_free(_ session: OpaquePointer!) {
  unsafe Handles.sessions.free(session)
}

extension SessionOptions {
  fileprivate init(_ pointer: UnsafePointer<jamba_session_options>?, _ model: JambaModel) throws(Failure) {
    let given = unsafe try structure(
      pointer, jamba_session_options(), first: SessionOptions.firstStructByteCount, "the session's options")
    unsafe try self.init(
      chunk: given.chunk, orChunk: model.plan.chunk, window: given.window, sinks: given.sinks, given.cache_type,
      snapshotInterval: given.snapshot_interval, draft: given.draft)
    let handles = unsafe try array(
      given.adapters, given.adapter_count, limit: ArgumentLimits.adapterCount, "adapters")
    let scales =
      unsafe given.adapter_scales == nil
      ? nil : try array(given.adapter_scales, handles.count, limit: ArgumentLimits.adapterCount, "scales of adapters")
    for index in unsafe handles.indices {
      adapters.append(
        AppliedAdapter(unsafe try Handles.adapters.object(of: handles[index]), scale: scales?[index] ?? 1))
    }
  }

  /// Of the struct before it knew of adapters.
  private static let firstStructByteCount = unsafe MemoryLayout<jamba_session_options>.offset(of: \.adapters)!

  /// Members that both a session's and a model's options have in C; zero is the default.
  init(
    chunk: UInt32, orChunk usualChunk: Int, window: UInt32, sinks: UInt32, _ type: jamba_cache_type,
    snapshotInterval: UInt32 = 0, draft: UInt32
  ) throws(Failure) {
    self.init(
      chunk: orDefault(chunk) ?? usualChunk, window: orDefault(window), sinks: Int(sinks),
      cacheType: try CacheType.of(type), snapshotInterval: orDefault(snapshotInterval), draft: orDefault(draft))
  }
}
