import Foundation
import Jamba
import TestSupport
import Testing

/// What pieces say about their tokens, and what clients say about tokens that are to come.
@Suite struct ProbabilityTests {
  let model: JambaModel
  let prompt: [Int32]

  init() throws {
    let folder = try TemporaryFolder()
    let path = try folder.convertDemo()
    model = try JambaModel.open(path)
    prompt = try model.promptTokens([.user("Tell me a story about a red ball.")])
  }

  private func pieces(_ options: GenerationOptions) throws -> [Piece] {
    let generation = try model.makeSession().generate(tokens: prompt, options: options)
    var pieces: [Piece] = []
    while let piece = try generation.next() { pieces.append(piece) }
    return pieces
  }

  /// Of the logits alone, whatever sampling makes of them.
  @Test func logProbabilitiesAreThoseOfTheLogits() throws {
    var sampling = Sampling(temperature: 1.5, topK: 50, repetitionPenalty: 1.3, seed: 3)
    sampling.logitBias = [10: 5]
    let pieces = try pieces(GenerationOptions(sampling: sampling, maxTokens: 4, topLogProbabilities: 3))
    let tokens = pieces.compactMap(\.token)
    #expect(tokens.count == 4)
    let session = try model.makeSession()
    var logits = try session.append(prompt)
    for (index, token) in tokens.enumerated() {
      let largest = Double(logits.max()!)
      let normalizer = largest + log(logits.reduce(0) { $0 + exp(Double($1) - largest) })
      let found = try #require(pieces[index].logProbabilities)
      #expect(found.chosen.token == token)
      // float32 of a value below 32, and exponentials of float32 precision in the sum.
      #expect(abs(Double(found.chosen.value) - (Double(logits[Int(token)]) - normalizer)) < 1e-5)
      let order = logits.indices.sorted { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
      #expect(found.top.map { Int($0.token) } == Array(order.prefix(3)))
      #expect(abs(Double(found.top[0].value) - (largest - normalizer)) < 1e-5)
      logits = try session.append([token])
    }
  }

  @Test func noneUnlessAskedFor() throws {
    let pieces = try pieces(GenerationOptions(maxTokens: 2))
    #expect(pieces.allSatisfy { $0.logProbabilities == nil })
    #expect(throws: JambaError.self) { try self.pieces(GenerationOptions(topLogProbabilities: 21)) }
    #expect(throws: JambaError.self) { try self.pieces(GenerationOptions(topLogProbabilities: -1)) }
  }

  @Test(arguments: [Float(0), 1]) func biasForcesAndForbids(_ temperature: Float) throws {
    var sampling = Sampling(temperature: temperature, seed: 1)
    let free = try pieces(GenerationOptions(sampling: sampling, maxTokens: 1))[0].token!
    sampling.logitBias = [free: -100]
    #expect(try pieces(GenerationOptions(sampling: sampling, maxTokens: 1))[0].token != free)
    sampling.logitBias = [500: 1000]
    #expect(try pieces(GenerationOptions(sampling: sampling, maxTokens: 3)).map(\.token).prefix(3) == [500, 500, 500])
    sampling.logitBias = [500: .infinity]
    #expect(throws: JambaError.self) { try pieces(GenerationOptions(sampling: sampling)) }
  }

  /// A second session starts from the snapshot of the first one's prompt.
  @Test func usageTellsWhatSnapshotsSaved() throws {
    let first = try pieces(GenerationOptions(maxTokens: 2)).last!.usage!
    #expect(first.promptTokens == prompt.count)
    #expect(first.cachedTokens == 0)
    #expect(try pieces(GenerationOptions(maxTokens: 2)).last!.usage!.cachedTokens == prompt.count)
    let longer = try model.makeSession().generate(
      tokens: prompt + [500, 501], options: GenerationOptions(maxTokens: 1))
    #expect(longer.usage.promptTokens == prompt.count + 2)
    #expect(longer.usage.cachedTokens == prompt.count)
  }
}
