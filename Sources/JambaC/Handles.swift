import JambaSystem

internal import CJamba
internal import Jamba
internal import JambaFormat
import Synchronization

/// The objects behind one kind of handle.
///
/// A handle is a number that looks like a pointer and is never followed: it is looked up here. So one that was freed, is
/// of another kind or is no handle at all is found out, whatever it is, and no number is used twice.
final class HandleTable<Object: AnyObject & Sendable>: Sendable {
  private let name: String
  /// The last four bits of every handle of the table.
  private let kind: UInt
  private let entries = Mutex(Entries())

  private struct Entries {
    var count: UInt = 0
    var objects: [UInt: (object: Object, process: Int32)] = [:]
  }

  init(_ name: String, kind: UInt) {
    self.name = name
    self.kind = kind
  }

  func insert(_ object: Object) -> OpaquePointer? {
    unsafe entries.withLock { entries in
      entries.count += 1
      let number = entries.count << 4 | kind
      entries.objects[number] = (object, processIdentifier)
      return unsafe OpaquePointer(bitPattern: number)
    }
  }

  /// The object, which lives as long as the caller holds it, even if the handle is freed meanwhile.
  func object(of handle: OpaquePointer?) throws(Failure) -> Object {
    guard let handle = unsafe handle else { throw .argument("the \(name) is NULL") }
    let entry = entries.withLock { $0.objects[UInt(bitPattern: handle)] }
    guard let entry else {
      throw Failure(JAMBA_ERROR_HANDLE, "the \(name) was freed, or is none")
    }
    guard entry.process == processIdentifier else {
      throw Failure(JAMBA_ERROR_HANDLE, "the \(name) belongs to the process that this one was forked from")
    }
    return entry.object
  }

  /// Forgets a handle. In a forked process the object stays: its threads are not here to be ended.
  func free(_ handle: OpaquePointer?) {
    let number = UInt(bitPattern: handle)
    // What the object holds is freed behind the lock.
    let object: Object? = entries.withLock { entries in
      guard let entry = entries.objects[number], entry.process == processIdentifier else { return nil }
      entries.objects[number] = nil
      return entry.object
    }
    withExtendedLifetime(object) {}
  }
}

/// A session and what belongs to its handle.
final class SessionHandle: Sendable {
  let session: Session
  let note: [UInt8]
  private let isInUse = Atomic(false)

  init(_ session: Session, note: [UInt8] = []) {
    self.session = session
    self.note = note
  }

  /// Runs a call that must be the only one, those from its own callbacks included.
  func exclusively<Result>(_ body: (Session) throws(Failure) -> Result) throws(Failure) -> Result {
    try take()
    defer { giveBack() }
    return try body(session)
  }

  /// Refuses all other calls until `giveBack`.
  func take() throws(Failure) {
    guard !isInUse.exchange(true, ordering: .acquiring) else {
      throw Failure(JAMBA_ERROR_BUSY, "the session is in use by another call")
    }
  }

  func giveBack() { isInUse.store(false, ordering: .releasing) }
}

final class SamplerHandle: Sendable {
  let sampler: Mutex<Sampler>

  init(_ sampler: sending Sampler) { self.sampler = Mutex(sampler) }
}

enum Handles {
  static let models = HandleTable<JambaModel>("model", kind: 1)
  static let sessions = HandleTable<SessionHandle>("session", kind: 2)
  static let samplers = HandleTable<SamplerHandle>("sampler", kind: 3)
  static let answers = HandleTable<AnswerHandle>("answer", kind: 4)
  static let adapters = HandleTable<Adapter>("adapter", kind: 5)
}
