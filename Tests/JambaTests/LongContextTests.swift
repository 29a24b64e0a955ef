import Jamba
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Texts of several parts of attention, and many blocks of a text's tokens.
@Suite struct LongContextTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func reference() throws -> JambaModel {
    let path = folder.file("long.jamba")
    _ = try convert(
      checkpoint: Fixtures.checkpoint("long"), to: path, options: ConversionOptions(recipe: .uniform(.f32), threads: 2),
      tool: "test", progress: { _, _ in true })
    return try JambaModel.open(path, options: ModelOptions(threads: 2, chunk: 1024))
  }

  private func small(threads: Int = 1) throws -> JambaModel {
    let path = folder.file("small.jamba")
    if !FileSystem.exists(path) { try SyntheticModels.write(to: path, hidden: 32, intermediate: 32, experts: 1) }
    return try JambaModel.open(path, options: ModelOptions(threads: threads))
  }

  private func tokens(_ count: Int) -> [Int32] {
    (0..<count).map { (place: Int) -> Int32 in
      let mixed = place * place * 31 + place / 7
      return Int32(mixed % 256)
    }
  }

  /// What transformers in float32 computes up to 9000 tokens from the beginning. int8 keys and values stay near it, int4 ones not far.
  @Test(arguments: [(CacheType.f32, 1e-4), (.int8, 0.03), (.int4, 0.2)])
  func logitsFarIntoATextAreThoseOfTheReference(type: CacheType, tolerance: Double) throws {
    let reference = try TensorFile(Fixtures.repository + "/Tests/Fixtures/checkpoints/long/long.safetensors")
    let positions = reference.integers("positions").map(Int.init)
    let expected = reference.floats("logits")
    let model = try self.reference()
    var state = 1
    let tokens = (0...positions.last!).map { _ -> Int32 in
      state = (state * 1_103_515_245 + 12345) % (1 << 31)
      return Int32((state >> 8) % model.configuration.vocabSize)
    }
    let session = try model.makeSession(options: SessionOptions(chunk: 1024, cacheType: type))
    let columns = model.configuration.vocabSize
    var done = 0
    for (index, position) in positions.enumerated() {
      let found = try session.append(Array(tokens[done...position]))
      done = position + 1
      var (difference, size) = (0.0, 0.0)
      for column in 0..<columns {
        let value = Double(expected[index * columns + column])
        let delta = Double(found[column]) - value
        difference += delta * delta
        size += value * value
      }
      #expect((difference / size).squareRoot() <= tolerance, "position \(position)")
    }
  }

  /// The same bits behind thousands of tokens, whatever chunks and threads.
  @Test func chunksAndThreadsChangeNothingFarIntoAText() throws {
    let tokens = tokens(70)
    var expected: [Float]?
    for (threads, chunk) in [(1, 70), (1, 1), (2, 7), (3, 16), (2, 64)] {
      let session = try small(threads: threads).makeSession(options: SessionOptions(chunk: chunk, cacheType: .int8))
      try session.fill(to: 4000)
      let found = try session.append(tokens)
      expected = expected ?? found
      #expect(found == expected, "\(threads) threads, chunks of \(chunk)")
    }
  }

  /// Snapshots share blocks of their text: each finds its own, and no other.
  @Test func longTextsGoBackAndBranch() throws {
    let model = try small()
    let options = SessionOptions(chunk: 128, snapshotInterval: 128)
    let tokens = tokens(2600)
    let session = try model.makeSession(options: options)
    _ = try session.append(tokens)
    let other = Array(tokens[..<1500]) + tokens[..<300].reversed()
    for (text, count) in [(tokens, 2048), (tokens, 1025), (other, 1800)] {
      let expected = try {
        model.forgetSnapshots()
        return try model.makeSession(options: options).append(Array(text[..<count]))
      }()
      let longer = try model.makeSession(options: options)
      _ = try longer.append(text)
      try longer.rewind(to: count - 1)
      #expect(try longer.append([text[count - 1]]) == expected, "\(count) tokens")
      #expect(longer.tokens == Array(text[..<count]))
      #expect(try longer.fork().tokens == longer.tokens)
    }
  }

  /// A text that was cut off while it was read goes on where it was saved last.
  @Test func readingGoesOnAfterItWasCutOff() throws {
    let model = try small()
    let (tokens, file) = (tokens(1000), folder.file("reading"))
    let options = SessionOptions(chunk: 50)
    let expected = try model.makeSession(options: options).append(tokens)
    #expect(throws: JambaError.self) {
      try model.makeSession(options: options).prefill(tokens, savingTo: file, every: 300, progress: { $0 < 700 })
    }
    model.forgetSnapshots()
    let session = try model.makeSession(options: options)
    var seen: [Int] = []
    let reused = try session.prefill(tokens, savingTo: file, every: 300) { done in
      seen.append(done)
      return true
    }
    #expect(reused == 600 && seen.first == 600 && seen == seen.sorted())
    func logits(_ session: Session) throws -> [Float] {
      var all: [Float] = []
      _ = try session.withLogits { row in all = row.indices.map { row[$0] } }
      return all
    }
    #expect(try logits(session) == expected)
    // Complete, it serves again; another text begins anew.
    let again = try model.makeSession(options: options)
    #expect(try again.prefill(tokens, savingTo: file) == 1000)
    #expect(try logits(again) == expected)
    #expect(try model.makeSession(options: options).prefill(tokens.reversed(), savingTo: file) == 0)
  }

  /// Pages of session files from before codes lay by fours.
  @Test(arguments: [(1, 8), (2, 10)]) func earlierPagesAreRead(heads: Int, headSize: Int) {
    let (positions, columns) = (64, (headSize + 3) / 4 * 4)
    func code(_ part: Int, _ head: Int, _ position: Int, _ i: Int) -> UInt8 {
      let number = 1 + part * 101 + head * 53
      return UInt8(truncatingIfNeeded: number + position * 7 + i * 29)
    }
    var earlier = [UInt8](repeating: 0, count: 2 * positions * heads * (headSize + 4))
    var expected = [UInt8](repeating: 0, count: positions * heads * (columns + headSize + 8))
    for head in 0..<heads {
      let (oldKeys, newKeys) = (head * 2 * positions * headSize, head * positions * (columns + headSize))
      let (oldValues, newValues) = (oldKeys + positions * headSize, newKeys + positions * columns)
      for position in 0..<positions {
        for i in 0..<headSize {
          let (key, value) = (code(0, head, position, i), code(1, head, position, i))
          let group = position / 16 * (columns / 4) + i / 4
          earlier[oldKeys + (position / 8 * headSize + i) * 8 + position % 8] = key
          earlier[oldValues + position * headSize + i] = value
          expected[newKeys + group * 64 + position % 16 * 4 + i % 4] = key
          expected[newValues + (position / 4 * headSize + i) * 4 + position % 4] = value
        }
      }
    }
    let scales = 2 * positions * heads * 4
    for i in 0..<scales {
      earlier[earlier.count - scales + i] = UInt8(truncatingIfNeeded: i * 3)
      expected[expected.count - scales + i] = UInt8(truncatingIfNeeded: i * 3)
    }
    var found = [UInt8](repeating: 0, count: expected.count)
    found.withUnsafeMutableBytes { new in
      earlier.withUnsafeBytes { CachedPages.copy(earlier: $0, to: new, heads: heads, headSize: headSize) }
    }
    #expect(found == expected)
  }
}
