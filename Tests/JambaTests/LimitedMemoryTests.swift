import Foundation
import Jamba
import JambaFormat
import TestSupport
import Testing

/// Models in less memory than their weights take: the same bits, or an error before anything is loaded.
@Suite struct LimitedMemoryTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let tokens: [Int32] = (0..<40).map { Int32(($0 * 37 + 11) % 256) }

  func write(experts: Int, packing: JambaFileWriter.Packing = .raw) throws -> String {
    let path = folder.file("model-\(experts)-\(packing).jamba")
    try SyntheticModels.write(to: path, hidden: experts > 1 ? 128 : 384, intermediate: experts > 1 ? 768 : 3072, experts: experts, packing: packing)
    return path
  }

  func options(memory: Int?, access: FileAccess? = nil, context: Int = 64) -> ModelOptions {
    ModelOptions(threads: 2, memory: memory, context: context, chunk: 16, access: access)
  }

  func open(_ path: String, memory: Int?, access: FileAccess? = nil) throws -> JambaModel {
    try JambaModel.open(path, options: options(memory: memory, access: access))
  }

  /// Logits after a prompt in chunks and after tokens one by one.
  static func logits(_ model: JambaModel) throws -> [Float] {
    let session = try model.makeSession(options: SessionOptions(chunk: 16))
    var result = try session.append(Array(LimitedMemoryTests.tokens[..<36]))
    for token in LimitedMemoryTests.tokens[36...] { result += try session.append([token]) }
    return result
  }

  /// Limits from the least to what all weights take, and every way to run between them.
  func limits(_ path: String) throws -> [Int] {
    let least = try JambaModel.plan(path, options: options(memory: 1 << 40)).leastByteCount
    var limit = least
    var result: [Int] = []
    var last: MemoryPlan.Residency?
    while last != .owned {
      let plan = try JambaModel.plan(path, options: options(memory: limit))
      #expect(plan.byteCount <= limit && plan.leastByteCount == least)
      if plan.residency != last { result.append(limit) }
      last = plan.residency
      limit += 100_000
    }
    return result
  }

  @Test(arguments: [1, 8], [JambaFileWriter.Packing.raw, .zstd])
  func bitsAreTheSameForEveryLimitThatWorks(experts: Int, packing: JambaFileWriter.Packing) throws {
    let path = try write(experts: experts, packing: packing)
    let reference = try Self.logits(open(path, memory: nil))
    let limits = try limits(path)
    #expect(limits.count > 3)
    // Every way would take long: the first, the last, and some between.
    let step = max(1, limits.count / 6)
    for limit in Set(stride(from: 0, to: limits.count, by: step).map { limits[$0] } + [limits.last!]).sorted() {
      for access in FileAccess.allCases {
        let model = try open(path, memory: limit, access: access)
        #expect(try Self.logits(model) == reference, "\(limit) bytes, \(model.plan.residency), \(access)")
        let statistics = model.memoryStatistics
        #expect((statistics.requests > 0) == (model.plan.residency != .owned))
        #expect((statistics.bytesRead > 0) == (model.plan.residency != .owned))
      }
    }
  }

  @Test(arguments: [1, 8]) func tooLittleIsAnErrorThatNamesWhatWorks(experts: Int) throws {
    let path = try write(experts: experts)
    func plan(_ memory: Int, context: Int) throws(JambaError) -> MemoryPlan {
      try JambaModel.plan(path, options: options(memory: memory, context: context))
    }
    let least = try plan(1 << 40, context: 2048).leastByteCount
    #expect(try plan(least, context: 2048).byteCount <= least)
    let error = #expect(throws: JambaError.self) { _ = try plan(least - 1, context: 2048) }
    guard case .memoryTooSmall(let limit, let found, let context, let largestContext) = error else {
      Issue.record("another error: \(error?.description ?? "none")")
      return
    }
    #expect(limit.byteCount == least - 1 && found == least && context == 2048)
    // What is said to fit does, and not a token more.
    let fitting = try #require(largestContext)
    #expect(fitting < 2048)
    #expect(try plan(least - 1, context: fitting).byteCount < least)
    #expect(throws: JambaError.self) { _ = try plan(least - 1, context: fitting + 1) }
    #expect(throws: JambaError.self) { _ = try open(path, memory: 1) }
  }

  /// Two sessions that need the same two slots at the same time.
  @Test func sessionsShareTheSlots() async throws {
    let path = try write(experts: 8)
    let least = try JambaModel.plan(path, options: options(memory: 1 << 40)).leastByteCount
    let reference = try Self.logits(open(path, memory: nil))
    // Room for the states of three more sessions; the slots stay few.
    let plan = try JambaModel.plan(path, options: options(memory: least))
    let session = plan.items.filter { ["state", "keys and values", "activations"].contains($0.name) }
      .reduce(0) { $0 + $1.byteCount }
    let model = try open(path, memory: least + 3 * session)
    try await withThrowingTaskGroup(of: [Float].self) { group in
      for _ in 0..<2 { group.addTask { try LimitedMemoryTests.logits(model) } }
      for try await found in group { #expect(found == reference) }
    }
  }

  @Test func aSessionTooManyIsRefused() throws {
    let path = try write(experts: 8)
    let least = try JambaModel.plan(path, options: options(memory: 1 << 40)).leastByteCount
    let model = try open(path, memory: least)
    let session = try model.makeSession(options: SessionOptions(chunk: 16))
    #expect(throws: JambaError.self) { _ = try model.makeSession(options: SessionOptions(chunk: 16)) }
    // Nor may one's text outgrow the limit; what it had read is still there.
    let before = try session.append([1, 2, 3])
    #expect(throws: JambaError.self) { _ = try session.append([Int32](repeating: 1, count: 4000)) }
    #expect(session.tokenCount == 3)
    try session.reset()
    #expect(try session.append([1, 2, 3]) == before)
  }

  /// Bytes of the file that change, or go, while the model is in use.
  @Test(arguments: [1, 8]) func aFileCutShortIsAnError(experts: Int) throws {
    for isMapped in [false, true] {
      let path = try write(experts: experts)
      let least = try JambaModel.plan(path, options: options(memory: 1 << 40)).leastByteCount
      let model = try open(path, memory: isMapped ? nil : least)
      #expect((model.plan.residency == .mapped) == isMapped)
      let session = try model.makeSession(options: SessionOptions(chunk: 16))
      _ = try session.append(LimitedMemoryTests.tokens)
      try FileHandle(forWritingTo: URL(fileURLWithPath: path)).truncate(atOffset: 4096)
      #expect(throws: JambaError.self) {
        for token in LimitedMemoryTests.tokens { _ = try session.append([token]) }
      }
      #expect(session.tokenCount == 0, "a failed step empties the session")
    }
  }

  @Test func damageBehindTheDirectoryIsFoundWhenItIsRead() throws {
    let path = try write(experts: 8)
    let least = try JambaModel.plan(path, options: options(memory: 1 << 40)).leastByteCount
    let reference = try Self.logits(open(path, memory: least))
    let file = try JambaFile(path: path)
    let model = try open(path, memory: least)
    // One bit of every expert of the last layer.
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    var original: [(UInt64, Data)] = []
    for expert in 0..<8 {
      let entry = try #require(file.entry(named: "model.layers.7.feed_forward.experts.\(expert).up_proj.weight"))
      let offset = UInt64(file.directory.segments[entry.segment].offset + entry.offset + 100)
      try handle.seek(toOffset: offset)
      let byte = try #require(try handle.read(upToCount: 1))
      original.append((offset, byte))
      try handle.seek(toOffset: offset)
      try handle.write(contentsOf: Data([byte[0] ^ 4]))
    }
    do {
      _ = try Self.logits(model)
      Issue.record("damaged weights were used")
    } catch let error as JambaError {
      #expect(error.description.contains("checksum"), "\(error)")
    }
    // Mended, the model goes on.
    for (offset, byte) in original {
      try handle.seek(toOffset: offset)
      try handle.write(contentsOf: byte)
    }
    #expect(try Self.logits(model) == reference)
  }
}
