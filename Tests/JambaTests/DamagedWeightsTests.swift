import Foundation
import Jamba
import JambaConvert
import JambaFormat
import TestSupport
import Testing

/// Damage in a file that is mapped: found in each kind of place before anything computed from it is seen, and no later than that.
@Suite struct DamagedWeightsTests {
  let folder: TemporaryFolder
  let path: String
  let file: JambaFile

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("model.jamba")
    try write(Self.sound.get(), to: path)
    file = try JambaFile(path: path)
  }

  /// A mixture with a vocabulary of several blocks and a head of its own.
  private static let sound = Result<[UInt8], any Error> {
    let folder = try TemporaryFolder()
    let path = folder.file("model.jamba")
    let text = SyntheticModels.configuration(hidden: 128, intermediate: 256, experts: 8)
      .replacing(#""vocab_size": 256"#, with: #""vocab_size": \#(vocabularyCount)"#)
      .replacing(#""tie_word_embeddings": true"#, with: #""tie_word_embeddings": false"#)
    let model = try SyntheticModel(configurationText: Array(text.utf8), recipe: .small)
    try model.write(to: path, threads: 2) { _, _ in true }
    return try bytes(of: path)
  }

  private static let vocabularyCount = 8192

  static let tokens: [Int32] = (0..<20).map { Int32(($0 * 37 + 11) % 256) }

  func open() throws -> JambaModel {
    let model = try JambaModel.open(path, options: ModelOptions(threads: 2, context: 64, chunk: 16, snapshotByteCount: 0))
    #expect(model.plan.residency == .mapped)
    return model
  }

  /// Logits after a prompt of two passes and a step.
  static func logits(_ model: JambaModel, _ tokens: [Int32] = tokens) throws -> [Float] {
    let session = try model.makeSession()
    return try session.append(Array(tokens.dropLast())) + session.append([tokens.last!])
  }

  /// Flips a bit of a tensor, and flips it back the next time.
  ///
  /// - Parameter offset: of the byte in the tensor.
  /// - Returns: what is to be said of it.
  @discardableResult
  func flip(_ name: String, offset: Int = 100) throws -> FormatError {
    let entry = try #require(file.entry(named: name))
    let segment = file.directory.segments[entry.segment]
    let place = entry.offset + offset
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try handle.seek(toOffset: UInt64(segment.offset + place))
    let byte = try #require(try handle.read(upToCount: 1))
    try handle.seek(toOffset: UInt64(segment.offset + place))
    try handle.write(contentsOf: Data([byte[0] ^ 4]))
    let block = segment.blocks.lowerBound + place / Block.byteCount
    let start = file.directory.blocks[block].offset
    return .damaged(path: path, reason: "block \(block) at byte \(start) fails its checksum")
  }

  func expect(_ damage: FormatError, _ body: () throws -> Void) {
    do {
      try body()
      Issue.record("damaged weights were used")
    } catch JambaError.format(let error) {
      #expect(error == damage)
    } catch { Issue.record("another error: \(error)") }
  }

  @Test(arguments: [
    "model.embed_tokens.weight", "model.layers.0.input_layernorm.weight", "model.layers.0.feed_forward.down_proj.weight",
    "model.layers.1.feed_forward.router.weight", "model.layers.2.mamba.in_proj.weight", "model.layers.3.mamba.conv1d.weight",
    "model.layers.4.self_attn.k_proj.weight", "model.layers.7.mamba.D", "model.final_layernorm.weight", "lm_head.weight",
  ])
  func nothingIsSeenOfDamage(_ name: String) throws {
    let reference = try Self.logits(open())
    let damage = try flip(name)
    let model = try open()
    // Again and again: who comes later is told, too.
    for _ in 0..<2 {
      let session = try model.makeSession()
      expect(damage) { _ = try session.append(Self.tokens) }
      #expect(try session.tokenCount == 0 && !session.withLogits { _ in }, "a failed step empties the session")
      var pieces = 0
      expect(damage) {
        let generation = try session.generate(tokens: Self.tokens, options: GenerationOptions(maxTokens: 4))
        while try generation.next() != nil { pieces += 1 }
      }
      #expect(pieces == 0)
    }
    expect(damage) { _ = try model.embedding(of: Self.tokens) }
    // Mended, the model goes on.
    try flip(name)
    #expect(try Self.logits(model) == reference)
  }

  /// One expert: found by the tokens that go there, and by them alone.
  @Test func anExpertIsCheckedWhenATokenGoesThere() throws {
    let tokens = Array(Int32(1)..<25)
    let sound = try open()
    let reference = try tokens.map { try Self.logits(sound, [7, $0]) }
    var (found, equal) = (0, 0)
    for expert in 0..<8 {
      let name = "model.layers.7.feed_forward.experts.\(expert).up_proj.weight"
      let damage = try flip(name)
      let model = try open()
      for (index, token) in tokens.enumerated() {
        do {
          #expect(try Self.logits(model, [7, token]) == reference[index])
          equal += 1
        } catch JambaError.format(let error) {
          #expect(error == damage)
          found += 1
        }
      }
      try flip(name)
    }
    #expect(found > 0 && equal > 0)
  }

  /// The rows of the embedding that a text needs, and no other block.
  @Test func anEmbeddingIsCheckedRowByRow() throws {
    let reference = try Self.logits(open())
    let entry = try #require(file.entry(named: "model.embed_tokens.weight"))
    let row = 5001  // of the embedding's middle block, in which nothing else lies
    let damage = try flip(entry.name, offset: entry.byteCount / Self.vocabularyCount * row)
    let model = try open()
    #expect(try Self.logits(model) == reference)
    let session = try model.makeSession()
    _ = try session.append(Self.tokens)
    expect(damage) { _ = try session.append([Int32(row)]) }
    #expect(session.tokenCount == 0)
    #expect(try Self.logits(model) == reference)
  }

  /// A model with a tokenizer is checked while that is read, so that opening may find damage, too.
  @Test(arguments: ["model.layers.0.input_layernorm.weight", "lm_head.weight"])
  func openingOrTheFirstStepFindsDamage(_ name: String) throws {
    let path = try folder.convertDemo()
    let sound = try JambaFile(path: path)
    let name = sound.entry(named: name) == nil ? "model.embed_tokens.weight" : name
    let entry = try #require(sound.entry(named: name))
    var bytes = try bytes(of: path)
    bytes[sound.directory.segments[entry.segment].offset + entry.offset + 100] ^= 1
    try write(bytes, to: path)
    let error = #expect(throws: JambaError.self) {
      let session = try JambaModel.open(path, options: ModelOptions(threads: 2)).makeSession()
      _ = try session.append(Array(Int32(0)..<40))
    }
    guard case .format(.damaged) = error else {
      Issue.record("another error: \(error?.description ?? "none")")
      return
    }
  }
}
