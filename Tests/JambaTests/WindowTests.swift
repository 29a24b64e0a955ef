import Foundation
import Jamba
import JambaConvert
import JambaSystem
import TestSupport
import Testing

/// Attention over a window and sinks. That kernels see the right positions is KernelTests' to show; here the ring of pages
/// under them turns.
@Suite struct WindowTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func model(_ name: String, recipe: Recipe = .uniform(.f32), _ options: ModelOptions = ModelOptions(threads: 2)) throws
    -> JambaModel
  {
    let path = folder.file(name + recipe.name + ".jamba")
    if !FileSystem.exists(path) {
      _ = try convert(
        checkpoint: Fixtures.checkpoint(name), to: path, options: ConversionOptions(recipe: recipe, threads: 2),
        tool: "test", progress: { _, _ in true })
    }
    return try JambaModel.open(path, options: options)
  }

  func logits(_ model: JambaModel, _ tokens: [Int32], _ options: SessionOptions) throws -> [Float] {
    let session = try model.makeSession(options: options)
    var all: [Float] = []
    try session.append(tokens) { _, row in for index in row.indices { all.append(row[index]) } }
    return all
  }

  /// As many tokens as are asked for: the fixture's, again and again.
  func tokens(_ name: String, _ count: Int) throws -> [Int32] {
    let some = try Fixtures.expected(name).integers("input_ids")
    return (0..<count).map { some[($0 + $0 / some.count) % some.count] }
  }

  /// The same bits whatever the chunk, which decides the size of the ring.
  @Test(arguments: [(1, 0), (2, 1), (2, 0), (50, 3), (64, 0), (100, 64), (130, 4)])
  func bitsDoNotDependOnChunks(window: Int, sinks: Int) throws {
    for type in CacheType.allCases {
      // Heads of 16 elements cannot be kept in half a byte each.
      let name = type == .int4 ? "long" : "moe"
      let (model, tokens) = (try model(name), try tokens(name, 400))
      func logits(_ chunk: Int) throws -> [Float] {
        try self.logits(model, tokens, SessionOptions(chunk: chunk, window: window, sinks: sinks, cacheType: type))
      }
      let expected = try logits(400)
      for chunk in [1, 7, 64, 100] {
        #expect(try logits(chunk) == expected, "\(type), chunks of \(chunk)")
      }
      let everything = try self.logits(model, tokens, SessionOptions(cacheType: type))
      let vocabulary = model.configuration.vocabSize
      #expect(Array(expected.prefix(window * vocabulary)) == Array(everything.prefix(window * vocabulary)))
      #expect(expected.suffix(vocabulary) != everything.suffix(vocabulary), "the window hides something")
    }
  }

  @Test func aWindowOverEverythingIsExact() throws {
    let tokens = try tokens("demo", 300)
    let model = try model("demo", recipe: .small)
    let exact = try logits(model, tokens, SessionOptions())
    for window in [300, 301, 4096] {
      #expect(try logits(model, tokens, SessionOptions(window: window, sinks: 4)) == exact)
    }
  }

  /// A text's memory is what its window takes, whatever its length.
  @Test func memoryStaysConstant() throws {
    let model = try model("moe")
    let session = try model.makeSession(options: SessionOptions(chunk: 64, window: 100, sinks: 4))
    let tokens = try tokens("moe", 640)
    _ = try session.append(tokens)
    let full = session.stateByteCount
    for _ in 0..<4 { _ = try session.append(tokens) }
    #expect(session.stateByteCount == full)
    #expect(session.tokenCount == 3200)
  }

  /// There are no positions in Jamba: with a window the model's limit is none.
  @Test func aWindowGoesBeyondTheModelsLimit() throws {
    let short = folder.file("short")
    try FileManager.default.copyItem(atPath: Fixtures.checkpoint("moe"), toPath: short)
    let config = String(decoding: try bytes(of: short + "/config.json"), as: UTF8.self)
    try write(Array(config.replacing("262144", with: "128").utf8), to: short + "/config.json")
    let path = folder.file("short.jamba")
    _ = try convert(
      checkpoint: short, to: path, options: ConversionOptions(recipe: .uniform(.f32), threads: 2), tool: "test",
      progress: { _, _ in true })
    let model = try JambaModel.open(path)
    let tokens = try tokens("moe", 128)
    let exact = try model.makeSession()
    _ = try exact.append(tokens)
    #expect {
      _ = try exact.append([1])
    } throws: { error in
      guard case JambaError.contextFull(limit: 128) = error else { return false }
      return exact.tokenCount == 128
    }
    let session = try model.makeSession(window: 64, sinks: 4)
    for _ in 0..<3 { _ = try session.append(tokens) }
    #expect(session.tokenCount == 384)
  }

  @Test func optionsOutOfRangeAreRefused() throws {
    let model = try model("moe")
    for options in [
      SessionOptions(window: 0), SessionOptions(window: -1), SessionOptions(window: 4, sinks: 4),
      SessionOptions(window: 4, sinks: 5), SessionOptions(window: 4, sinks: -1), SessionOptions(window: .max),
      SessionOptions(chunk: 0), SessionOptions(snapshotInterval: 0),
    ] {
      #expect { _ = try model.makeSession(options: options) } throws: { error in
        guard case JambaError.invalidOption(let reason) = error else { return false }
        return !reason.isEmpty
      }
    }
    #expect(throws: JambaError.self) { _ = try self.model("moe", ModelOptions(window: 8, sinks: 8)) }
  }

  /// The plan counts the ring, not the text.
  @Test func thePlanIsThatOfTheWindow() throws {
    _ = try model("demo", recipe: .small)
    let path = folder.file("demo" + Recipe.small.name + ".jamba")
    func bytes(_ options: ModelOptions) throws -> Int {
      try JambaModel.plan(path, options: options).items.first { $0.name == "keys and values" }!.byteCount
    }
    let short = try bytes(ModelOptions(context: 262_144, chunk: 64, window: 1000))
    #expect(try bytes(ModelOptions(context: 1 << 30, chunk: 64, window: 1000)) == short)
    #expect(try bytes(ModelOptions(context: 262_144, chunk: 64)) > 100 * short)
  }
}
