import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Adapters as files of their own: what they keep, what is refused, and what becomes of damage.
@Suite struct AdapterFileTests {
  let folder: TemporaryFolder
  let base: String

  init() throws {
    folder = try TemporaryFolder()
    base = folder.file("moe.jamba")
    _ = try convert(
      checkpoint: Fixtures.checkpoint("moe"), to: base, options: ConversionOptions(recipe: .small, threads: 2),
      tool: "test", progress: { _, _ in true })
  }

  @Test(arguments: [StorageType.int8, .bf16, .f32]) func changesAreThoseOfTheSource(type: StorageType) throws {
    let bound = type == .int8 ? 0.02 : type == .bf16 ? 0.004 : 1e-6
    for name in ["lora", "lora-experts", "lora-former", "mlx-lora", "lora.gguf"] {
      let path = folder.file("a.jadapter")
      let summary = try convertAdapter(Fixtures.adapter(name), base: base, to: path, type: type, tool: "test")
      let file = try AdapterFile(path: path)
      #expect(summary.targetCount == file.targetCount && summary.rank == file.rank && file.rank <= 3)
      let report = try verifyAdapter(path, against: Fixtures.adapter(name))
      #expect(report.tensors.count == file.targetCount)
      #expect(report.tensors[0].relativeError <= bound, "\(name): \(report.tensors[0])")
    }
    let path = folder.file("a.jadapter")
    #expect(throws: ConversionError.self) { try verifyAdapter(path, against: Fixtures.adapter("lora-former")) }
  }

  @Test(arguments: [
    ("dora", "long", "stretches"), ("saved", "moe", "final_layernorm"), ("saved-head", "dense", "lm_head"),
    ("tokens", "long", "rows of"), ("mlx-dora", "moe", "MLX DoRA"), ("mlx-full", "moe", "as a whole"),
  ])
  func whatCanBeMergedOnly(adapter: String, model: String, word: String) throws {
    let base = folder.file("base.jamba")
    _ = try convert(
      checkpoint: Fixtures.checkpoint(model), to: base, options: ConversionOptions(recipe: .small, threads: 2),
      tool: "test", progress: { _, _ in true })
    let output = folder.file("a.jadapter")
    let error = try #require(
      #expect(throws: ConversionError.self) {
        _ = try convertAdapter(Fixtures.adapter(adapter), base: base, to: output, tool: "test")
      })
    #expect(error.description.contains(word) && error.description.contains("jamba convert --adapter"), "\(error)")
    #expect(!FileSystem.exists(output) && !FileSystem.exists(output + ".partial"))
  }

  // MARK: - Damage

  /// A thousand files with bytes drawn anew: a sentence each.
  @Test func damagedBytes() throws {
    let path = folder.file("a.jadapter")
    _ = try convertAdapter(Fixtures.adapter("lora-former"), base: base, to: path, tool: "test")
    let sound = try bytes(of: path)
    var generator = FixedGenerator(state: 5)
    for _ in 0..<700 {
      var damaged = sound
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        damaged[Int.random(in: 0..<damaged.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if Int.random(in: 0..<4, using: &generator) == 0 {
        damaged.removeLast(Int.random(in: 1..<damaged.count, using: &generator))
      }
      guard damaged != sound else { continue }
      try write(damaged, to: path)
      let error = try #require(#expect(throws: ConversionError.self) { try verifyAdapter(path, against: nil) })
      #expect(!error.description.isEmpty && !error.description.contains("\n"))
    }
  }

  /// Files that are sound as files, but say what makes no sense: they are refused, or are adapters.
  @Test func absurdDescriptions() throws {
    let path = folder.file("a.jadapter")
    _ = try convertAdapter(Fixtures.adapter("lora"), base: base, to: path, tool: "test")
    let file = try JambaFile(path: path)
    let text = try #require(try file.document(DocumentName.adapter))
    let config = try #require(try file.document(DocumentName.configuration))
    var generator = FixedGenerator(state: 9)
    let marks = Array("0123456789[]{},:\"-e.tn".utf8)
    var refused = 0
    for round in 0..<300 {
      var (changed, shape) = (text, config)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        if round % 5 == 4 {
          shape[Int.random(in: 0..<shape.count, using: &generator)] = marks.randomElement(using: &generator)!
        } else {
          changed[Int.random(in: 0..<changed.count, using: &generator)] = marks.randomElement(using: &generator)!
        }
      }
      let other = folder.file("b.jadapter")
      try AdapterFileTests.copy(file, to: other, [(DocumentName.adapter, changed), (DocumentName.configuration, shape)])
      do {
        let adapter = try AdapterFile(path: other)
        #expect(adapter.targetCount == 44)
      } catch {
        #expect(!error.description.isEmpty && !error.description.contains("\n"))
        refused += 1
      }
    }
    #expect(refused > 150)
  }

  /// The same tensors with other documents.
  private static func copy(_ file: JambaFile, to path: String, _ documents: [(name: String, bytes: [UInt8])]) throws {
    let writer = try JambaFileWriter(path: path) { count, body in for index in 0..<count { body(index) } }
    for entry in file.directory.entries where entry.type != .document {
      writer.beginSegment(byteCount: entry.byteCount, packing: .raw)
      try writer.append(file.contents(of: entry))
      try writer.endSegment(entries: [(entry.name, entry.type, entry.shape, 0)])
    }
    try writer.addDocuments(documents, packing: .zstd)
    try writer.finish()
  }
}
