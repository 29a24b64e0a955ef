import Foundation
import Jamba
import JambaSystem
import TestSupport
import Testing

/// What each stage keeps and changes, against implementations that are not ours (tools/fixtures/sampling).
@Suite struct SamplingStageTests {
  let document: JSON

  init() throws { document = try JSON.parse(bytes(of: Fixtures.sampling)) }

  static func sampling(_ options: JSON?) throws -> Sampling {
    var sampling = Sampling()
    for (name, value) in options?.object?.members.map({ ($0.key, $0.value) }) ?? [] {
      let number = Float(try #require(value.double))
      switch name {
      case "temperature": sampling.temperature = number
      case "dynatemp_range": sampling.dynamicTemperatureRange = number
      case "dynatemp_exponent": sampling.dynamicTemperatureExponent = number
      case "top_n_sigma": sampling.topNSigma = number
      case "top_k": sampling.topK = Int(number)
      case "typical_p": sampling.typicalP = number
      case "top_p": sampling.topP = number
      case "min_p": sampling.minP = number
      case "xtc_probability": sampling.xtcProbability = number
      case "xtc_threshold": sampling.xtcThreshold = number
      case "mirostat": sampling.mirostat = Int(number)
      case "mirostat_tau": sampling.mirostatTau = number
      case "repeat_penalty": sampling.repetitionPenalty = number
      case "repeat_last_n": sampling.repetitionWindow = Int(number)
      case "frequency_penalty": sampling.frequencyPenalty = number
      case "presence_penalty": sampling.presencePenalty = number
      case "dry_multiplier": sampling.dryMultiplier = number
      case "dry_base": sampling.dryBase = number
      case "dry_allowed_length": sampling.dryAllowedLength = Int(number)
      case "dry_penalty_last_n": sampling.dryWindow = Int(number)
      default: Issue.record("the option \(name) is not known")
      }
    }
    return sampling
  }

  /// Logits are at most 25, over 0.3 at most 84. Dividing, taking the largest away and what the temperature is off by are
  /// roundings of 2^-24 of that each, so a weight's exponent is off by 2e-5 at most and the weight by as much of itself,
  /// beside jk_exp's own 2e-7; the total likewise.
  static let tolerance = 5e-5
  /// Three roundings of numbers up to 50.
  static let logitTolerance = 1e-5

  @Test func stagesAreWhatOthersTakeThemFor() throws {
    let logits = try #require(document["logits"]?.array).map { $0.array!.map { Float($0.double!) } }
    let histories = try #require(document["histories"]?.array).map { $0.array!.map { Int32($0.integer!) } }
    let cases = try #require(document["cases"]?.array)
    var seen: Set<String> = []
    for test in cases {
      let sampling = try SamplingStageTests.sampling(test["options"])
      let name = test["options"]!.text()
      seen.formUnion(SamplingStages.names(sampling))
      let given = logits[try #require(test["logits"]?.integer)]
      let history = histories[try #require(test["history"]?.integer)]
      let breakers = Set(test["breakers"]!.array!.map { Int32($0.integer!) })
      var sampler = try Sampler(sampling)
      if let expected = test["penalized"]?.array {
        let found = sampler.penalized(given.span, history: history, breakers: breakers)
        #expect(found.count == expected.count)
        for (value, reference) in zip(found, expected) {
          #expect(abs(Double(value) - reference.double!) < SamplingStageTests.logitTolerance, "\(name)")
        }
        continue
      }
      let expected = try #require(test["probabilities"]?.object)
      let found = sampler.distribution(given.span, history: history, breakers: breakers)
      #expect(Set(found.map { String($0.token) }) == Set(expected.members.map(\.key)), "\(name)")
      for (token, probability) in found {
        let reference = try #require(expected[String(token)]?.double)
        // Weights below the smallest normal number are 0.
        #expect(abs(probability - reference) <= SamplingStageTests.tolerance * reference + 1e-37, "\(name): \(token)")
      }
      guard let mus = test["mus"]?.object, mus.count > 0 else { continue }
      let token = sampler.sample(given.span, history: history)
      let mu = try #require(sampler.mirostatMu)
      // A tenth of a surprise, which is off by 5e-5 / log 2.
      #expect(abs(mu - mus[String(token)]!.double!) < 1e-5, "\(name)")
    }
    // A stage without a case would not be tested.
    #expect(seen.union(["logit_bias"]) == Set(SamplingStages.allNames))
  }

  @Test func stagesComeInTheirOrder() throws {
    var sampling = Sampling(temperature: 0.5, topK: 3, topP: 0.5, minP: 0.1, repetitionPenalty: 1.1)
    sampling.logitBias = [1: 1]
    (sampling.frequencyPenalty, sampling.dryMultiplier, sampling.topNSigma) = (1, 1, 1)
    (sampling.typicalP, sampling.xtcProbability) = (0.5, 1)
    let penalties = ["logit_bias", "repeat_penalty", "frequency_penalty, presence_penalty", "dry"]
    #expect(
      SamplingStages.names(sampling) == penalties + [
        "temperature", "top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "xtc",
      ])
    sampling.mirostat = 2
    #expect(SamplingStages.names(sampling) == penalties + ["temperature", "mirostat"])
    #expect(SamplingStages.names(Sampling(temperature: 1)).isEmpty)
  }

  /// Top-p sees what top-k has left, and min-p what top-p has, as in transformers: the other way about min-p would leave 0.5
  /// and 0.26, of which the first alone is more than 0.6.
  @Test func topPComesBeforeMinP() throws {
    let logits = [0.5, 0.26, 0.14, 0.1].map { Float(log($0)) }
    var sampler = try Sampler(Sampling(temperature: 1, topP: 0.6, minP: 0.3))
    #expect(sampler.distribution(logits.span, history: []).map(\.token) == [0, 1])
  }

  // MARK: Ties, and what is no number

  /// Of equals the smaller ids stay, whatever the stage.
  @Test func tiesGoToTheSmallerID() throws {
    let equal = [Float](repeating: 1, count: 10)
    func kept(_ change: (inout Sampling) -> Void) throws -> [Int32] {
      var sampling = Sampling(temperature: 1)
      change(&sampling)
      var sampler = try Sampler(sampling)
      return sampler.distribution(equal.span, history: []).map(\.token)
    }
    #expect(try kept { $0.topK = 3 } == [0, 1, 2])
    #expect(try kept { $0.topP = 0.25 } == [0, 1, 2])
    #expect(try kept { $0.typicalP = 0.25 } == [0, 1, 2])
    #expect(try kept { $0.minP = 0.9 } == Array(0..<10))
    #expect(try kept { $0.topNSigma = 0.1 } == Array(0..<10))
    // The least probable of the top choices is the last of them.
    #expect(try kept { ($0.xtcProbability, $0.xtcThreshold) = (1, 0.1) } == [9])
    #expect(try kept { ($0.xtcProbability, $0.xtcThreshold) = (1, 0.2) } == Array(0..<10))
    #expect(try kept { ($0.mirostat, $0.mirostatTau) = (2, 0.5) } == [0])
    // Entropy is as large as can be, so the temperature is the highest; with none it is the lowest, which is 0.
    #expect(try kept { $0.dynamicTemperatureRange = 1 } == Array(0..<10))
    var greedy = try Sampler(Sampling())
    #expect(greedy.sample(equal.span, history: []) == 0)
  }

  static let every: [Sampling] = {
    var list = [Sampling(temperature: 1)]
    func add(_ change: (inout Sampling) -> Void) {
      var sampling = Sampling(temperature: 1)
      change(&sampling)
      list.append(sampling)
    }
    add { $0.topK = 1 }
    add { $0.topP = 0 }
    add { $0.typicalP = 0 }
    add { $0.minP = 0.999 }
    add { $0.topNSigma = 1e-6 }
    add { ($0.xtcProbability, $0.xtcThreshold) = (1, 0) }
    add { ($0.mirostat, $0.mirostatTau) = (2, 0) }
    add { $0.dynamicTemperatureRange = 100 }
    add { $0.temperature = 1e-38 }
    add { $0.temperature = 100 }
    add { ($0.frequencyPenalty, $0.presencePenalty, $0.repetitionPenalty) = (100, 100, 100) }
    add { ($0.dryMultiplier, $0.dryBase, $0.dryAllowedLength) = (100, 100, 0) }
    add { $0.logitBias = [0: -.greatestFiniteMagnitude, 1: .greatestFiniteMagnitude, 99: 1] }
    add {
      ($0.topK, $0.topP, $0.typicalP, $0.minP, $0.topNSigma) = (2, 0.1, 0.1, 0.9, 0.1)
      ($0.xtcProbability, $0.xtcThreshold) = (1, 0)
    }
    return list
  }()

  /// Every stage at its hardest, on logits of every kind: there is always something to draw, and it can be drawn.
  @Test(arguments: every.indices) func stagesLeaveSomething(index: Int) throws {
    let (large, none) = (Float.greatestFiniteMagnitude, -Float.infinity)
    let kinds: [[Float]] = [
      [1], [0, 0, 0], [1, 2, 3, 4], [large, large, -large], [-large, -large], [none, none, 5, none], [.nan, 1, 2],
      [.infinity, 3, .infinity, none], [.nan, .infinity, .nan], [.leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0],
      [100, -100, 50, 99.9],
    ]
    let history = (0..<400).map { Int32($0 % 4) }
    for logits in kinds {
      var sampler = try Sampler(SamplingStageTests.every[index])
      let found = sampler.distribution(logits.span, history: history)
      #expect(!found.isEmpty, "\(logits)")
      #expect(abs(found.reduce(0) { $0 + $1.probability } - 1) < 1e-6, "\(logits): \(found)")
      for _ in 0..<20 {
        let token = Int(sampler.sample(logits.span, history: history))
        #expect(logits[token] > none, "\(logits): \(token)")
      }
    }
  }

  @Test func infiniteLogitsShareAllProbability() throws {
    var sampler = try Sampler(Sampling(temperature: 0.7, topP: 0.99))
    let found = sampler.distribution(([.infinity, 3, .infinity, .nan] as [Float]).span, history: [])
    #expect(found.map(\.token) == [0, 2] && found.map(\.probability) == [0.5, 0.5])
  }

  /// Where nothing is possible the answer is still a token.
  @Test func impossibleLogitsGiveTheFirstToken() throws {
    for temperature: Float in [0, 1] {
      var sampler = try Sampler(Sampling(temperature: temperature))
      #expect(sampler.sample(([-.infinity, .nan] as [Float]).span, history: []) == 0)
    }
  }
}
