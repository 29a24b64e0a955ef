import Foundation
import Jamba
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Samplers in use: the same draws again, memory that stays, state that is saved, and values that are refused.
@Suite struct SamplerTests {
  let folder: TemporaryFolder
  let model: JambaModel

  init() throws {
    folder = try TemporaryFolder()
    model = try JambaModel.open(try folder.convertDemo(), options: ModelOptions(threads: 2))
  }

  /// All that draws or remembers.
  static let sampling: Sampling = {
    var sampling = Sampling(temperature: 1.2, seed: 5)
    (sampling.mirostat, sampling.mirostatTau, sampling.mirostatEta) = (2, 3, 0.5)
    (sampling.frequencyPenalty, sampling.presencePenalty, sampling.dryMultiplier) = (0.2, 0.1, 0.8)
    return sampling
  }()

  static let drawing: [Sampling] = {
    var xtc = Sampling(temperature: 0.9, topK: 40, topP: 0.95, minP: 0.01, repetitionPenalty: 1.1, seed: 9)
    (xtc.xtcProbability, xtc.xtcThreshold, xtc.typicalP, xtc.topNSigma) = (0.5, 0.05, 0.98, 2)
    xtc.dynamicTemperatureRange = 0.4
    return [sampling, xtc, Sampling(temperature: 1, seed: 2)]
  }()

  @Test(arguments: drawing.indices) func sameSeedSameDraws(index: Int) throws {
    let logits = (0..<500).map { Float(-2 * log(Double($0 * 37 % 500 + 1))) }
    func draws(seed: UInt64) throws -> [Int32] {
      var sampling = SamplerTests.drawing[index]
      sampling.seed = seed
      var (sampler, text) = (try Sampler(sampling), [Int32]())
      for _ in 0..<200 { text.append(sampler.sample(logits.span, history: text)) }
      return text
    }
    #expect(try draws(seed: 1) == draws(seed: 1))
    #expect(try draws(seed: 1) != draws(seed: 2))
  }

  /// XTC acts as often as it is told to.
  @Test func excludingIsByChance() throws {
    var sampling = Sampling(temperature: 1)
    (sampling.xtcProbability, sampling.xtcThreshold) = (0.25, 0.1)
    let logits: [Float] = [1, 0.5, 0]
    var sampler = try Sampler(sampling)
    let count = (0..<4000).filter { _ in sampler.distribution(logits.span, history: []).count == 1 }.count
    // Five standard deviations, sqrt(4000 × 0.25 × 0.75), of the binomial distribution.
    #expect(abs(count - 1000) < 137)
  }

  /// Mirostat keeps the mean surprise at its target.
  @Test func mirostatReachesItsTarget() throws {
    var sampling = Sampling(temperature: 1, seed: 3)
    (sampling.mirostat, sampling.mirostatTau) = (2, 3)
    var sampler = try Sampler(sampling)
    let logits = (0..<1000).map { Float(-log(Double($0) + 1)) }
    let total = logits.reduce(0) { $0 + exp(Double($1)) }
    var surprise = 0.0
    for draw in 0..<6000 {
      let token = Int(sampler.sample(logits.span, history: []))
      if draw >= 1000 { surprise -= log2(exp(Double(logits[token])) / total) / 5000 }
    }
    // mu moves by eta × (tau - surprise) a draw and stays within some bits, so that over 5000 draws the mean is off by no
    // more than bits / (0.1 × 5000).
    #expect(abs(surprise - 3) < 0.02)
  }

  // MARK: Memory

  /// A vocabulary's worth of memory for each token would show as another address.
  @Test(arguments: drawing.indices) func drawingKeepsItsMemory(index: Int) throws {
    let sampling = SamplerTests.drawing[index]
    let prompt = try model.requireTokenizer().encode("Once upon a time")
    let generation = try model.makeSession().generate(
      tokens: prompt, options: GenerationOptions(sampling: sampling, maxTokens: 20, stopsAtEnd: false))
    var addresses: [UInt?] = []
    while try generation.next() != nil { addresses.append(generation.candidatesAddress) }
    #expect(addresses.count >= 20 && addresses[0] != nil && Set(addresses).count == 1)

    let session = try model.makeSession()
    _ = try session.append(prompt)
    var sampler = try Sampler(sampling)
    var own: Set<UInt> = []
    for _ in 0..<20 {
      _ = try session.sample(with: &sampler)
      own.insert(sampler.candidatesAddress)
    }
    #expect(own.count == 1)
  }

  // MARK: Saving

  func options(_ count: Int) -> GenerationOptions {
    GenerationOptions(sampling: SamplerTests.sampling, maxTokens: count, stopsAtEnd: false)
  }

  func generate(_ generation: Generation) throws -> [Int32] {
    var tokens: [Int32] = []
    while let piece = try generation.next() { if let token = piece.token { tokens.append(token) } }
    return tokens
  }

  /// Mirostat learns from every draw: going on without what it has learnt would draw others.
  @Test func mirostatGoesOnWhereItWas() throws {
    let prompt = try model.requireTokenizer().encode("Once upon a time")
    let whole = try generate(model.makeSession().generate(tokens: prompt, options: options(60)))
    let session = try model.makeSession()
    let first = try generate(session.generate(tokens: prompt, options: options(25)))
    let file = folder.file("session")
    try session.save(to: file)
    let (restored, _) = try model.makeSession(restoring: file)
    #expect(try first + generate(restored.continueGenerating(options: options(35))) == whole)
    #expect(try first + generate(session.continueGenerating(options: options(35))) == whole)

    // The file of version 1, as it was before mirostat: its description ends with the generator's state.
    var old = try bytes(of: file)
    let size = Int(old[32]) | Int(old[33]) << 8
    old.removeSubrange(40 + size - 8..<40 + size)
    func set(_ value: Int, at offset: Int, bytes count: Int) {
      for byte in 0..<count { old[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    }
    set(1, at: 8, bytes: 4)
    set(old.count, at: 16, bytes: 8)
    set(size - 8, at: 32, bytes: 4)
    set(0, at: 12, bytes: 4)
    let blockCount = Int(old[36]) | Int(old[37]) << 8
    set(Int(checksum(of: Array(old[..<(40 + size - 8 + 8 * blockCount)]))), at: 12, bytes: 4)
    let oldFile = folder.file("old session")
    try write(old, to: oldFile)
    let (older, _) = try model.makeSession(restoring: oldFile)
    #expect(
      older.tokens == Array(session.tokens.prefix(older.tokenCount)) && older.tokenCount == restored.tokenCount - 35)
    let after = try generate(older.continueGenerating(options: options(35)))
    #expect(after.count == 35 && first + after != whole)
    // A description that is cut elsewhere is damaged in either version.
    set(2, at: 8, bytes: 4)
    set(0, at: 12, bytes: 4)
    set(Int(checksum(of: Array(old[..<(40 + size - 8 + 8 * blockCount)]))), at: 12, bytes: 4)
    try write(old, to: oldFile)
    #expect(throws: JambaError.self) { try model.makeSession(restoring: oldFile) }
  }

  // MARK: Sequence breakers

  /// A line break is a token of its own, or a part of some: repetitions do not go across it.
  @Test func repetitionsEndAtSequenceBreakers() throws {
    let session = try model.makeSession()
    let tokenizer = try model.requireTokenizer()
    let line = tokenizer.encode("the red ball and the blue box", addSpecialTokens: false)
    let newline = tokenizer.encode("\n", addSpecialTokens: false).suffix(1)
    // What followed the line's end the first time is the line's beginning.
    _ = try session.append(line + newline + line + newline + line.prefix(4))
    var sampling = Sampling()
    (sampling.dryMultiplier, sampling.dryAllowedLength) = (100, 4)
    func chosen(breakers: [String]) throws -> Int32? {
      sampling.drySequenceBreakers = breakers
      sampling.logitBias = [line[4]: 50]
      var sampler = try Sampler(sampling)
      return try session.sample(with: &sampler)
    }
    #expect(try chosen(breakers: ["nothing like it"]) != line[4])
    #expect(try chosen(breakers: ["\n"]) != line[4])
    // The fourth token from the end is a break now, so that only three are repeated.
    let text = tokenizer.decode([line[0]]).trimmingCharacters(in: .whitespaces)
    #expect(try chosen(breakers: [text]) == line[4])
  }

  // MARK: Values

  @Test func valuesAreChecked() {
    func refused(_ sentence: String, _ change: (inout Sampling) -> Void) {
      var sampling = Sampling()
      change(&sampling)
      #expect { try sampling.validate() } throws: { "\($0)" == sentence }
      #expect(throws: JambaError.self) { _ = try Sampler(sampling) }
    }
    refused("the temperature is nan, which is not within 0...100") { $0.temperature = .nan }
    refused("the temperature is -1.0, which is not within 0...100") { $0.temperature = -1 }
    refused("the range of the dynamic temperature is -0.5, which is not within 0...100") {
      $0.dynamicTemperatureRange = -0.5
    }
    refused("the exponent of the dynamic temperature is inf, which is not within 0...100") {
      $0.dynamicTemperatureExponent = .infinity
    }
    refused("top-n-sigma is 101.0, which is not within -100...100") { $0.topNSigma = 101 }
    refused("typical-p is 1.5, which is not within 0...1") { $0.typicalP = 1.5 }
    refused("top-p is -0.1, which is not within 0...1") { $0.topP = -0.1 }
    refused("min-p is 1.0, which is not at least 0 and below 1") { $0.minP = 1 }
    refused("the probability of XTC is 2.0, which is not within 0...1") { $0.xtcProbability = 2 }
    refused("the threshold of XTC is nan, which is not within 0...1") { $0.xtcThreshold = .nan }
    refused("mirostat is 1, which is not supported: 2 is its successor, and 0 is off") { $0.mirostat = 1 }
    refused("mirostat is 3, which is neither 0 nor 2") { $0.mirostat = 3 }
    refused("the tau of mirostat is -1.0, which is not within 0...100") { $0.mirostatTau = -1 }
    refused("the eta of mirostat is 2.0, which is not within 0...1") { $0.mirostatEta = 2 }
    refused("the repetition penalty is 0.0, which is not above 0 and at most 100") { $0.repetitionPenalty = 0 }
    refused("the repetition window is -2 tokens, which is neither -1, the whole text, nor 0 or more") {
      $0.repetitionWindow = -2
    }
    refused("the frequency penalty is 200.0, which is not within -100...100") { $0.frequencyPenalty = 200 }
    refused("the presence penalty is nan, which is not within -100...100") { $0.presencePenalty = .nan }
    refused("the multiplier of DRY is -1.0, which is not within 0...100") { $0.dryMultiplier = -1 }
    refused("the base of DRY is 0.5, which is not within 1...100") { $0.dryBase = 0.5 }
    refused("the length that DRY allows is -1, which is negative") { $0.dryAllowedLength = -1 }
    refused("the window of DRY is -7 tokens, which is neither -1, the whole text, nor 0 or more") { $0.dryWindow = -7 }
    refused("the sequence breakers of DRY are more than 64, or one of them is empty") {
      $0.drySequenceBreakers = ["a", ""]
    }
    refused("the bias of token 3 is inf, which is not a finite number") { $0.logitBias = [3: .infinity] }
  }

  /// What llama-server takes for off is off.
  @Test func neutralValuesChangeNothing() throws {
    var neutral = Sampling(temperature: 1, topK: -1, topP: 1, minP: 0, repetitionPenalty: 1, repetitionWindow: 0)
    (neutral.topNSigma, neutral.typicalP, neutral.xtcProbability, neutral.dryMultiplier) = (-1, 1, 0, 0)
    neutral.frequencyPenalty = 3
    try neutral.validate()
    #expect(SamplingStages.names(neutral).isEmpty)
    var all = Sampling(temperature: 1, repetitionPenalty: 2, repetitionWindow: -1)
    all.logitBias = [:]
    var sampler = try Sampler(all)
    #expect(
      sampler.penalized(([2, -2, 4] as [Float]).span, history: [0, 1] + Array(repeating: 9, count: 100)) == [1, -4, 4])
    var top = try Sampler(Sampling(temperature: 1, topP: 0))
    #expect(top.distribution(([1, 3, 2] as [Float]).span, history: []).map(\.token) == [1])
  }
}
