public import CJamba
internal import Jamba

@c @implementation public func jamba_prefill(
  _ session: OpaquePointer!, _ tokens: UnsafePointer<Int32>!, _ count: Int,
  _ callbacks: UnsafePointer<jamba_callbacks>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let callbacks = unsafe try Callbacks(callbacks)
    let tokens = unsafe try array(tokens, count, limit: ArgumentLimits.tokenCount, "tokens")
    try handle.exclusively { (session) throws(Failure) in
      try runtime { () throws(JambaError) in
        try session.prefill(
          tokens, progress: { callbacks.progress($0, tokens.count) }, isCancelled: { callbacks.isCancelled })
      }
    }
  }
}

@c @implementation public func jamba_step(_ session: OpaquePointer!, _ token: Int32) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    try handle.exclusively { (session) throws(Failure) in
      try runtime { () throws(JambaError) in try session.prefill([token]) }
    }
  }
}

@c @implementation public func jamba_logits(
  _ session: OpaquePointer!, _ logits: UnsafeMutablePointer<Float>!, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let room = unsafe try Room(logits, capacity, count)
    try handle.exclusively { (session) throws(Failure) in
      var failure: Failure?
      let hasLogits = try runtime { () throws(JambaError) in
        try session.withLogits { logits in
          do throws(Failure) { try room.fill(logits) } catch { failure = error }
        }
      }
      if let failure { throw failure }
      guard hasLogits else { throw .noLogits }
    }
  }
}

@c @implementation public func jamba_score(
  _ session: OpaquePointer!, _ tokens: UnsafePointer<Int32>!, _ count: Int,
  _ callbacks: UnsafePointer<jamba_callbacks>!, _ logProbabilities: UnsafeMutablePointer<Float>!,
  _ mostProbable: UnsafeMutablePointer<Int32>!
) -> jamba_status {
  report { () throws(Failure) in
    let handle = unsafe try Handles.sessions.object(of: session)
    let callbacks = unsafe try Callbacks(callbacks)
    let tokens = unsafe try array(tokens, count, limit: ArgumentLimits.tokenCount, "tokens")
    let values = unsafe try OptionalRoom(logProbabilities, count, "the memory for log-probabilities")
    let choices = unsafe try OptionalRoom(mostProbable, count, "the memory for tokens")
    guard !tokens.isEmpty else { return }
    let options = GenerationOptions(maxTokens: 0, topLogProbabilities: 1, scoresPrompt: true)
    let scores = try handle.exclusively { (session) throws(Failure) in
      try runtime { () throws(JambaError) in
        try session.generate(
          tokens: tokens, options: options, progress: { callbacks.progress($0, tokens.count) },
          isCancelled: { callbacks.isCancelled }
        ).promptLogProbabilities
      }
    }
    // All but the first token of a session that had no logits have one.
    let missing = tokens.count - scores.count
    values.fill { $0 < missing ? .nan : scores[$0 - missing].chosen.value }
    choices.fill { $0 < missing ? -1 : scores[$0 - missing].top.first?.token ?? -1 }
  }
}

@c @implementation public func jamba_sampler_create(
  _ sampling: UnsafePointer<jamba_sampling>!, _ sampler: UnsafeMutablePointer<OpaquePointer?>!
) -> jamba_status {
  report { () throws(Failure) in
    let sampling = unsafe try Sampling(sampling)
    unsafe try checkResult(sampler)
    let created = try runtime { () throws(JambaError) in try Sampler(sampling) }
    unsafe sampler.pointee = Handles.samplers.insert(SamplerHandle(created))
  }
}

@c @implementation public func jamba_sample(
  _ sampler: OpaquePointer!, _ session: OpaquePointer!, _ token: UnsafeMutablePointer<Int32>!
) -> jamba_status {
  report { () throws(Failure) in
    let sampler = unsafe try Handles.samplers.object(of: sampler)
    let handle = unsafe try Handles.sessions.object(of: session)
    guard unsafe token != nil else { throw .argument("the pointer to the token is NULL") }
    let outcome = sampler.sampler.withLockIfAvailable { sampler -> Result<Int32, Failure> in
      do throws(Failure) {
        let chosen = try handle.exclusively { (session) throws(Failure) in
          try runtime { () throws(JambaError) in try session.sample(with: &sampler) }
        }
        return chosen.map { .success($0) } ?? .failure(.noLogits)
      } catch { return .failure(error) }
    }
    guard let outcome else { throw Failure(JAMBA_ERROR_BUSY, "the sampler is in use by another call") }
    unsafe token.pointee = try outcome.get()
  }
}

@c @implementation public func jamba_sampler_free(_ sampler: OpaquePointer!) {
  unsafe Handles.samplers.free(sampler)
}

extension Failure {
  fileprivate static var noLogits: Failure {
    Failure(JAMBA_ERROR_NO_LOGITS, "the session has no logits: it has read nothing yet")
  }
}
