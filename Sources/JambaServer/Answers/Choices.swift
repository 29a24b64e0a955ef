import Jamba
import JambaSystem

/// Several answers to one prompt, which has been read once: each goes on from a fork of the session that has read it.
///
/// They are taken by the thread that has read the prompt and by others that have nothing else to do, so that they advance at
/// the same time and share passes. Where memory has no room for a fork beside those that run, they follow one another.
final class Choices: Sendable {
  private struct State {
    /// Has read the prompt; nil once the last choice has taken it, or there was no room for anything beside it.
    var origin: Session?
    var next = 0
    var runningCount = 0
    /// Nobody needs to try before a choice has ended.
    var isFull = false
    var failure: JambaError?
  }

  private let count: Int
  private let state: Monitor<State>
  private let read: @Sendable () throws(JambaError) -> Session
  private let generate: @Sendable (_ choice: Int, Session) throws(JambaError) -> Void

  /// - Parameters:
  ///   - origin: has read the prompt, and is the choices' from now on.
  ///   - read: reads the prompt once more.
  ///   - generate: generates a choice with a session that has read the prompt.
  init(
    _ count: Int, origin: Session, read: @escaping @Sendable () throws(JambaError) -> Session,
    generate: @escaping @Sendable (_ choice: Int, Session) throws(JambaError) -> Void
  ) {
    self.count = count
    state = Monitor(State(origin: origin))
    self.read = read
    self.generate = generate
  }

  /// Whether a thread that helps would find something to do.
  var hasMore: Bool { state.withLock { $0.origin != nil && $0.next < count && !$0.isFull && $0.failure == nil } }

  private enum Turn {
    case choice(Int, Session)
    /// The prompt has to be read again.
    case unread(Int)
    /// There is no room now.
    case full
    case none
  }

  private func take(isAlone: Bool) -> Turn {
    state.withLock { state in
      guard state.next < count, state.failure == nil else { return .none }
      let choice = state.next
      var session: Session?
      if let origin = state.origin {
        if choice == count - 1 { (session, state.origin) = (origin, nil) } else { session = Choices.fork(origin) }
        guard session != nil || isAlone && state.runningCount == 0 else {
          state.isFull = true
          return .full
        }
        if session == nil { (session, state.origin) = (origin, nil) }
      } else if !isAlone {
        return .none
      }
      state.next += 1
      state.runningCount += 1
      return session.map { .choice(choice, $0) } ?? .unread(choice)
    }
  }

  /// nil where there is no memory for it; other errors show when the session is used.
  private static func fork(_ session: Session) -> Session? {
    do throws(JambaError) { return try session.fork() } catch { return nil }
  }

  private func end(_ choice: Int, _ body: () throws(JambaError) -> Void) {
    var failure: JambaError?
    do throws(JambaError) { try body() } catch { failure = error }
    state.withLock { state in
      state.runningCount -= 1
      state.isFull = false
      state.failure = state.failure ?? failure
    }
    state.signal(.result)
  }

  /// Takes a choice, from a thread that has nothing else to do.
  func help() {
    if case .choice(let choice, let session) = take(isAlone: false) {
      end(choice) { () throws(JambaError) in try generate(choice, session) }
    }
  }

  /// Takes choices until there are none, and waits for those that others have taken.
  func run() throws(JambaError) {
    while true {
      switch take(isAlone: true) {
      case .choice(let choice, let session): end(choice) { () throws(JambaError) in try generate(choice, session) }
      case .unread(let choice): end(choice) { () throws(JambaError) in try generate(choice, try read()) }
      case .full: state.wait(for: .result) { $0.runningCount == 0 ? () : nil }
      case .none:
        let failure = state.wait(for: .result) { $0.runningCount == 0 ? .some($0.failure) : nil }
        if let failure { throw failure }
        return
      }
    }
  }
}
