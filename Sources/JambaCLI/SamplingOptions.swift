import ArgumentParser
import Jamba

/// How tokens are chosen: an option for each member of `Sampling`, whose defaults and checks count.
struct SamplingOptions: ParsableArguments {
  @Option(help: "0 takes the most probable token every time.")
  var temperature: Float?

  @Option(help: "Lets the temperature go down and up by so much, the lower the surer the model is; 0 is off.")
  var dynatempRange = Sampling().dynamicTemperatureRange

  @Option(help: "Bends the way from the lowest to the highest temperature.")
  var dynatempExponent = Sampling().dynamicTemperatureExponent

  @Option(
    parsing: .unconditional, help: "Only tokens whose logit is within n standard deviations of the largest; 0 is off.")
  var topNSigma = Sampling().topNSigma

  @Option(parsing: .unconditional, help: "Only the k most probable tokens; 0 for all.")
  var topK = Sampling().topK

  @Option(help: "Only the tokens of about the expected surprise that add up to p; 1 is off.")
  var typicalP = Sampling().typicalP

  @Option(help: "Only the most probable tokens that add up to p.")
  var topP: Float?

  @Option(help: "Only tokens at least p times as probable as the most probable one.")
  var minP = Sampling().minP

  @Option(help: "How probable it is that of the tokens with --xtc-threshold the least probable alone stays; 0 is off.")
  var xtcProbability = Sampling().xtcProbability

  @Option(help: "From which probability on XTC counts a token.")
  var xtcThreshold = Sampling().xtcThreshold

  @Option(help: "2 for mirostat 2 instead of the options that leave tokens out; 0 is off.")
  var mirostat = Sampling().mirostat

  @Option(help: "The surprise that mirostat steers to, in bits a token.")
  var mirostatTau = Sampling().mirostatTau

  @Option(help: "How fast mirostat learns.")
  var mirostatEta = Sampling().mirostatEta

  @Option(
    name: [.customLong("repetition-penalty"), .customLong("repeat-penalty")],
    help: "Makes tokens that occurred lately less probable; 1 is off.")
  var repetitionPenalty = Sampling().repetitionPenalty

  @Option(
    parsing: .unconditional,
    help: "How many of the last tokens the repetition, frequency and presence penalties look at; -1 for all.")
  var repeatLastN = Sampling().repetitionWindow

  @Option(parsing: .unconditional, help: "Taken from a token's logit as often as it occurred lately.")
  var frequencyPenalty = Sampling().frequencyPenalty

  @Option(parsing: .unconditional, help: "Taken from the logit of each token that occurred lately.")
  var presencePenalty = Sampling().presencePenalty

  @Option(help: "Taken from the logits of tokens that would lengthen a repetition (DRY); 0 is off.")
  var dryMultiplier = Sampling().dryMultiplier

  @Option(help: "By how much that grows with each further token of the repetition.")
  var dryBase = Sampling().dryBase

  @Option(help: "The length from which repetitions count.")
  var dryAllowedLength = Sampling().dryAllowedLength

  @Option(parsing: .unconditional, help: "How many of the last tokens DRY looks at; -1 for all.")
  var dryPenaltyLastN = Sampling().dryWindow

  @Option(
    help: ArgumentHelp(
      "A text that no repetition goes across; may be given several times, in place of a line break, \":\", \"\\\"\" and \"*\". none for none.",
      valueName: "text"))
  var drySequenceBreaker: [String] = []

  @Option(
    help: ArgumentHelp(
      "Adds to a token's logit, such as 15+1.5 or 15-2; may be given several times.", valueName: "id+bias"))
  var logitBias: [TokenBias] = []

  @Option(help: "The seed of the random numbers.")
  var seed: UInt64?

  /// - Parameters: what counts where the options say nothing.
  func sampling(temperature: Float, topP: Float, seed: UInt64) -> Sampling {
    var sampling = Sampling(
      temperature: self.temperature ?? temperature, topK: topK, topP: self.topP ?? topP, minP: minP,
      repetitionPenalty: repetitionPenalty, repetitionWindow: repeatLastN, seed: self.seed ?? seed)
    sampling.dynamicTemperatureRange = dynatempRange
    sampling.dynamicTemperatureExponent = dynatempExponent
    sampling.topNSigma = topNSigma
    sampling.typicalP = typicalP
    sampling.xtcProbability = xtcProbability
    sampling.xtcThreshold = xtcThreshold
    sampling.mirostat = mirostat
    sampling.mirostatTau = mirostatTau
    sampling.mirostatEta = mirostatEta
    sampling.frequencyPenalty = frequencyPenalty
    sampling.presencePenalty = presencePenalty
    sampling.dryMultiplier = dryMultiplier
    sampling.dryBase = dryBase
    sampling.dryAllowedLength = dryAllowedLength
    sampling.dryWindow = dryPenaltyLastN
    if !drySequenceBreaker.isEmpty { sampling.drySequenceBreakers = drySequenceBreaker.filter { $0 != "none" } }
    for bias in logitBias { sampling.logitBias[bias.token, default: 0] += bias.value }
    return sampling
  }

  func validate() throws {
    try checked { () throws(JambaError) in try sampling(temperature: 0, topP: 1, seed: 0).validate() }
  }
}

/// "15+1.5" or "15-2": a token's id, and what is added to its logit.
struct TokenBias: ExpressibleByArgument {
  let token: Int32
  let value: Float

  init?(argument: String) {
    guard let sign = argument.firstIndex(where: { $0 == "+" || $0 == "-" }), let token = Int32(argument[..<sign]),
      let value = Float(argument[sign...])
    else { return nil }
    (self.token, self.value) = (token, value)
  }
}
