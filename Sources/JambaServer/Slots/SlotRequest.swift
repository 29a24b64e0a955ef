import Jamba
import JambaSystem

/// What may be done with a slot: llama-server's name for a place in which an answer is generated. Here it is one of the threads
/// that answer, and what it holds is the text that it has read and generated last, whose state is in the prefix cache.
enum SlotAction: Sendable, Equatable {
  /// Writes the text's state to a file.
  case save(String)
  /// Has a text's state from a file known again, as if it had been read.
  case restore(String)
  /// Forgets the text and the snapshots of its state.
  case erase
}

/// A request to save, restore or erase a slot.
struct SlotRequest: Work, PreparedWork {
  let action: SlotAction
  let slot: Int
  /// The folder in which files are.
  let folder: String
  let promptTokenCount = 0

  /// - Parameters:
  ///   - number: the slot's, as the path has it.
  ///   - action: as the query has it.
  init(_ number: String, action: String?, _ body: JSONObject, _ options: ServerOptions) throws(Failure) {
    guard let folder = options.slotFolder else {
      throw Failure(
        .notImplemented, "slots are saved and restored only with jamba serve --slot-save-path", code: "not_supported")
    }
    guard let slot = Int(number), 0..<options.sessions ~= slot else {
      throw .invalid("id", "there are slots 0 to \(options.sessions - 1)")
    }
    self.folder = folder
    self.slot = slot
    var parameters = Parameters(body, UnknownMembers(areRefused: options.refusesUnknownMembers))
    switch action {
    case "erase": self.action = .erase
    case "save": self.action = .save(try SlotRequest.fileName(&parameters))
    case "restore": self.action = .restore(try SlotRequest.fileName(&parameters))
    default: throw .invalid("action", "\"action\" is not save, restore or erase")
    }
    try parameters.finish()
  }

  /// A name by itself, which leads nowhere but into the folder.
  private static func fileName(_ parameters: inout Parameters) throws(Failure) -> String {
    guard let name = try parameters.string("filename") else {
      throw Failure(
        .badRequest, "\"filename\" is missing", code: "missing_required_parameter", parameter: "filename")
    }
    guard SlotFile.isName(name) else {
      throw .invalid(
        "filename", "\"filename\" is not 1 to 100 letters, digits and marks (\"-\", \"_\", \".\"), of which the first is no dot")
    }
    return name
  }

  func prepare(_ answers: Answers) throws(Failure) -> any PreparedWork { self }

  func run(_ job: Job, _ answers: Answers, slot ownSlot: Int) throws(Failure) -> AnswerUsage {
    let start = monotonicSeconds()
    do throws(JambaError) {
      job.tell(.done(try run(job, answers, start)))
    } catch .format(let error) { throw Failure(.badRequest, "\(error)", code: "invalid_value", parameter: "filename") } catch {
      throw Failure(error)
    }
    return AnswerUsage()
  }

  private static func sessionOptions(_ adapter: ServedAdapter?) -> SessionOptions {
    SessionOptions(adapters: adapter.map { [$0.applied] } ?? [])
  }

  /// A session from a file, with the adapter that it was saved with.
  private func restored(_ path: String, _ answers: Answers) throws(JambaError) -> (Session, ServedAdapter?) {
    for adapter in answers.options.adapters {
      do throws(JambaError) {
        let options = SlotRequest.sessionOptions(adapter)
        return (try answers.model.makeSession(restoring: path, options: options).session, adapter)
      } catch .foreignAdapters {} catch { throw error }
    }
    return (try answers.model.makeSession(restoring: path).session, nil)
  }

  private func run(_ job: Job, _ answers: Answers, _ start: Double) throws(JambaError) -> JSON {
    func answer(_ name: String, _ count: String, _ tokens: Int, _ bytes: String, _ time: String) -> JSON {
      let size = FileSystem.byteCount(of: folder + "/" + name) ?? 0
      return .object([
        "id_slot": .integer(slot), "filename": .string(name), count: .integer(tokens), bytes: .integer(size),
        "timings": .object([time: .number((monotonicSeconds() - start) * 1000)]),
      ])
    }
    switch action {
    case .erase:
      let (tokens, _) = answers.slots.text(of: slot)
      answers.slots.keep([], nil, in: slot)
      if !tokens.isEmpty { answers.model.forgetSnapshots(of: tokens) }
      return .object(["id_slot": .integer(slot), "n_erased": .integer(tokens.count)])
    case .save(let name):
      let path = folder + "/" + name
      guard FileSystem.exists(path) || FileSystem.names(in: folder).count < Limits.slotFiles else {
        throw .invalidOption("the folder holds \(Limits.slotFiles) files, which is as many as it may")
      }
      let (tokens, adapter) = answers.slots.text(of: slot)
      guard !tokens.isEmpty else { throw .invalidOption("slot \(slot) holds no text") }
      let session = try answers.model.makeSession(options: SlotRequest.sessionOptions(adapter))
      _ = try session.generate(
        TokenizedPrompt(tokens: tokens), options: GenerationOptions(maxTokens: 0),
        progress: { _ in !answers.isOver(job) }, isCancelled: { answers.isOver(job) })
      try session.save(to: path)
      return answer(name, "n_saved", tokens.count, "n_written", "save_ms")
    case .restore(let name):
      let (session, adapter) = try restored(folder + "/" + name, answers)
      answers.slots.keep(session.tokens, adapter, in: slot)
      return answer(name, "n_restored", session.tokenCount, "n_read", "restore_ms")
    }
  }
}
