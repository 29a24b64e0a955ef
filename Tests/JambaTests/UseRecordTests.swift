import Foundation
import Jamba
import JambaSystem
import TestSupport
import Testing

/// Counts of experts' uses, and the file that keeps them beside the model's.
@Suite struct UseRecordTests {
  let folder: TemporaryFolder
  let path: String
  let memory: Int

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("model.jamba")
    try SyntheticModels.write(to: path, hidden: 128, intermediate: 768, experts: 8)
    let plan = try JambaModel.plan(path, options: ModelOptions(threads: 2, memory: 1 << 40, context: 64, chunk: 16))
    memory = plan.leastByteCount + (4 << 20)
  }

  var record: String { path + ".uses" }

  func open(keepsUses: Bool = true, _ path: String? = nil) throws -> JambaModel {
    var options = ModelOptions(threads: 2, memory: memory, context: 64, chunk: 16)
    options.keepsUses = keepsUses
    return try JambaModel.open(path ?? self.path, options: options)
  }

  func text() throws -> String { String(decoding: try Data(contentsOf: URL(fileURLWithPath: record)), as: UTF8.self) }

  func write(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: record)) }

  /// Runs a text on a model that is closed then.
  func run(keepsUses: Bool = true) throws -> [Float] {
    let model = try open(keepsUses: keepsUses)
    guard case .experts = model.plan.residency else { throw CancellationError() }
    return try LimitedMemoryTests.logits(model)
  }

  // MARK: Counts

  static let shape = [0, 4, 0, 2]

  func counts() -> UseCounts {
    var counts = UseCounts(expertCounts: UseRecordTests.shape)
    counts.add([(0, 3), (2, 17)], of: 20, layer: 1)
    counts.add([(1, 20)], of: 20, layer: 3)
    return counts
  }

  @Test func countsComeBackFromJSON() throws {
    let json = try JSON.parse(counts().json.text())
    #expect(UseCounts(json, expertCounts: UseRecordTests.shape) == counts())
    #expect(UseCounts(json, expertCounts: [4, 2]) == nil && UseCounts(json, expertCounts: [0, 4, 0, 3]) == nil)
    #expect(!counts().isEmpty && UseCounts(expertCounts: [4]).isEmpty)
  }

  @Test func sharesComeFromCountsAndStayWithinThem() {
    #expect(counts().share(2, layer: 1, usual: 0.5) == Float(17 + 8) / 36)
    #expect(UseCounts(expertCounts: [4]).share(1, layer: 0, usual: 0.5) == 0.5)
    // However much is counted, numbers stay small, and what is new counts more than what is old.
    var counts = UseCounts(expertCounts: [2])
    for expert in [0, 1] {
      for _ in 0..<100 { counts.add([(expert, 1000)], of: 1000, layer: 0) }
    }
    #expect(counts.share(0, layer: 0, usual: 0.5) < 0.2 && counts.share(1, layer: 0, usual: 0.5) > 0.8)
    #expect(UseCounts(counts.json, expertCounts: [2]) == counts)
    counts.add([(0, 1 << 40)], of: 1 << 40, layer: 0)
    #expect(UseCounts(counts.json, expertCounts: [2]) == counts)
  }

  @Test func whatAreNoCountsIsNone() throws {
    let shape = [2]
    func layers(_ text: String) throws -> UseCounts? { UseCounts(try JSON.parse(text), expertCounts: shape) }
    #expect(try layers(#"[{"tokens":5,"uses":[5,0]}]"#) != nil)
    for text in [
      "null", "[]", "{}", "[null]", "[1]", #"[{"tokens":5}]"#, #"[{"uses":[1,1]}]"#, #"[{"tokens":5,"uses":[1]}]"#,
      #"[{"tokens":5,"uses":[1,1,1]}]"#, #"[{"tokens":5,"uses":[6,0]}]"#, #"[{"tokens":5,"uses":[-1,0]}]"#,
      #"[{"tokens":-5,"uses":[0,0]}]"#, #"[{"tokens":1e300,"uses":[0,0]}]"#, #"[{"tokens":5,"uses":[0.5,0]}]"#,
      #"[{"tokens":9223372036854775807,"uses":[9223372036854775807,0]}]"#, #"[{"tokens":5,"uses":["1",0]}]"#,
      #"[{"tokens":5,"uses":[1,1]},{"tokens":5,"uses":[1,1]}]"#,
    ] { #expect(try layers(text) == nil, "\(text)") }
    #expect(UseCounts(nil, expertCounts: []) == nil)
  }

  // MARK: The file

  @Test func usesAreKeptOnlyWhenAskedFor() throws {
    let plain = try run(keepsUses: false)
    #expect(!FileSystem.exists(record))
    #expect(try run() == plain)
    let first = try JSON.parse(text())
    let layers = try #require(first["layers"]?.array)
    let counted = layers.filter { $0["uses"]?.array?.isEmpty == false }
    // Each token of the text chooses two experts of each mixture.
    #expect(!counted.isEmpty && counted.allSatisfy { $0["tokens"] == .integer(40) })
    #expect(counted.allSatisfy { $0["uses"]!.array!.compactMap(\.integer).reduce(0, +) == 80 })
    // Nothing but the two files is left; the next run adds to the first, and computes the same.
    #expect(Set(FileSystem.names(in: folder.path)) == ["model.jamba", "model.jamba.uses"])
    #expect(try run() == plain)
    #expect(try JSON.parse(text())["layers"]?.array?.contains { $0["tokens"] == .integer(80) } == true)
    // A model that computes nothing writes nothing; nor does one that does not ask for it.
    let before = try text()
    _ = try open()
    #expect(try run(keepsUses: false) == plain)
    #expect(try text() == before)
  }

  @Test func whatWasUsedIsReadWithoutADemand() throws {
    _ = try run()
    let model = try open()
    let start = monotonicSeconds()
    while model.memoryStatistics.prefetches == 0, monotonicSeconds() < start + 60 { usleep(1000) }
    #expect(model.memoryStatistics.prefetches > 0 && model.memoryStatistics.requests == 0)
    #expect(try open(keepsUses: false).memoryStatistics.prefetches == 0)
  }

  @Test func otherFilesThereAreNone() throws {
    let plain = try run(keepsUses: false)
    _ = try run()
    let good = try text()
    let foreign = good.replacing(#""bytes":"#, with: #""bytes":1"#)
    #expect(foreign != good)
    for text in [
      "", "{", "[]", "null", "\u{0}", foreign, good.replacing(#""version":1"#, with: #""version":2"#),
      String(good.prefix(good.count / 2)), good.replacing(#""uses":["#, with: #""uses":[1,"#),
      good.replacing(#""tokens":"#, with: #""tokens":9999999"#), String(repeating: "[", count: 400),
      String(repeating: " ", count: 1 << 20) + good, good + good,
    ] {
      try write(text)
      let model = try open()
      #expect(model.memoryStatistics.prefetches == 0)
      #expect(try LimitedMemoryTests.logits(model) == plain)
    }
    // It has been replaced.
    try write(foreign)
    #expect(try run() == plain)
    #expect(try text() == good)
  }

  @Test func aPlaceThatTakesNoFileIsNoError() throws {
    let plain = try run(keepsUses: false)
    try FileManager.default.createDirectory(atPath: record, withIntermediateDirectories: false)
    #expect(try run() == plain)
    #expect(Set(FileSystem.names(in: folder.path)) == ["model.jamba", "model.jamba.uses"])
    try FileManager.default.removeItem(atPath: record)
    // A link is replaced, and what it points to left alone.
    let other = folder.file("other")
    try Data("mine".utf8).write(to: URL(fileURLWithPath: other))
    try FileManager.default.createSymbolicLink(atPath: record, withDestinationPath: other)
    #expect(try run() == plain)
    #expect(try Data(contentsOf: URL(fileURLWithPath: other)) == Data("mine".utf8))
    #expect(try JSON.parse(text())["version"] == .integer(1))
    // A pipe without a writer does not keep anybody.
    try FileManager.default.removeItem(atPath: record)
    #expect(unsafe mkfifo(record, 0o600) == 0)
    #expect(try run() == plain)
    #expect(try JSON.parse(text())["version"] == .integer(1))
  }
}
