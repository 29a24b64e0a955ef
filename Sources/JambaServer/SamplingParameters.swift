import Jamba
import JambaSystem

extension Sampling {
  /// Reads the members of a request that say how tokens are chosen: OpenAI's and llama-server's. What is absent is
  /// OpenAI's default, and without a seed every answer is another one.
  ///
  /// - Parameter endTokens: those that `ignore_eos` bars.
  init(_ parameters: inout Parameters, vocabularyCount: Int, endTokens: Set<Int32>) throws(Failure) {
    self.init(temperature: 1)
    let numbers: [(String, WritableKeyPath<Sampling, Float>)] = [
      ("temperature", \.temperature), ("dynatemp_range", \.dynamicTemperatureRange),
      ("dynatemp_exponent", \.dynamicTemperatureExponent), ("top_n_sigma", \.topNSigma), ("typical_p", \.typicalP),
      ("top_p", \.topP), ("min_p", \.minP), ("xtc_probability", \.xtcProbability), ("xtc_threshold", \.xtcThreshold),
      ("mirostat_tau", \.mirostatTau), ("mirostat_eta", \.mirostatEta), ("repeat_penalty", \.repetitionPenalty),
      ("repetition_penalty", \.repetitionPenalty), ("frequency_penalty", \.frequencyPenalty),
      ("presence_penalty", \.presencePenalty), ("dry_multiplier", \.dryMultiplier), ("dry_base", \.dryBase),
    ]
    for (name, member) in numbers {
      if let value = try parameters.float(name) { self[keyPath: member] = value }
    }
    let counts: [(String, WritableKeyPath<Sampling, Int>)] = [
      ("top_k", \.topK), ("mirostat", \.mirostat), ("repeat_last_n", \.repetitionWindow),
      ("dry_allowed_length", \.dryAllowedLength), ("dry_penalty_last_n", \.dryWindow),
    ]
    for (name, member) in counts {
      if let value = try parameters.integer(name, in: Int.min...Int.max) { self[keyPath: member] = value }
    }
    let seed = try parameters.integer("seed", in: Int.min...Int.max)
    self.seed = seed.map { UInt64(bitPattern: Int64($0)) } ?? UInt64.random(in: 0 ... .max)
    if let breakers = try parameters.array("dry_sequence_breakers") {
      drySequenceBreakers = try Sampling.texts(breakers)
    }
    logitBias = try Sampling.biases(&parameters, vocabularyCount: vocabularyCount)
    if try parameters.bool("ignore_eos") ?? false {
      for token in endTokens { logitBias[token] = Float(Sampling.never) }
    }
    try readOrder(&parameters)
    do throws(JambaError) { try validate() } catch { throw Failure(error) }
  }

  private static func texts(_ list: [JSON]) throws(Failure) -> [String] {
    let texts = list.compactMap(\.string)
    guard texts.count == list.count, texts.allSatisfy({ $0.utf8.count <= Limits.stopBytes }) else {
      throw .invalid(
        "dry_sequence_breakers",
        "\"dry_sequence_breakers\" holds what is no text, or one of over \(Limits.stopBytes) bytes")
    }
    return texts
  }

  /// An object of ids and numbers, as OpenAI has it, or a list of pairs of them, as llama-server has it, where false
  /// stands for never.
  private static func biases(_ parameters: inout Parameters, vocabularyCount: Int) throws(Failure) -> [Int32: Float] {
    let pairs: [(id: String, bias: JSON)]
    switch parameters.value("logit_bias") {
    case nil: pairs = []
    case .object(let object): pairs = object.members.map { ($0.key, $0.value) }
    case .array(let list):
      pairs = list.compactMap { pair in
        guard let members = pair.array, members.count == 2, let id = members[0].integer else { return nil }
        return (String(id), members[1])
      }
      guard pairs.count == list.count else {
        throw .invalid("logit_bias", "\"logit_bias\" is a list, but not of pairs of a token id and a number or false")
      }
    default: throw .invalid("logit_bias", "\"logit_bias\" is neither an object nor a list")
    }
    guard pairs.count <= Limits.biases else {
      throw .invalid("logit_bias", "\"logit_bias\" names more than \(Limits.biases) tokens")
    }
    var biases: [Int32: Float] = [:]
    for (id, value) in pairs {
      let bias = value.bool == false ? never : value.double
      guard let token = Int32(id), 0..<vocabularyCount ~= Int(token), let bias, bias == never || -100...100 ~= bias
      else {
        throw .invalid(
          "logit_bias",
          "\"logit_bias\" holds \"\(id.prefix(20))\": it takes ids of the vocabulary of \(vocabularyCount) and numbers within -100...100"
        )
      }
      biases[token] = Float(bias)
    }
    return biases
  }

  /// llama-server's list of the stages to go through, by names or by letters: what it leaves out is off. Their order is
  /// llama-server's own and no other.
  private mutating func readOrder(_ parameters: inout Parameters) throws(Failure) {
    guard let value = parameters.value("samplers") else { return }
    let names = value.array?.compactMap(\.string) ?? value.string?.map { String($0) } ?? []
    let stages = names.map { name in Sampling.stages.firstIndex { $0.name == name || $0.letter == name } }
    guard value.string != nil || names.count == value.array?.count, !stages.contains(nil),
      zip(stages, stages.dropFirst()).allSatisfy({ $0! < $1! })
    else {
      throw .unsupported(
        "samplers",
        "\"samplers\" is taken in the order \(Sampling.stages.map(\.name).joined(separator: ", ")) or a part of it")
    }
    if stages.isEmpty { return }
    for (index, stage) in Sampling.stages.enumerated() where !stages.contains(index) { stage.turnOff(&self) }
  }

  private static let stages: [(name: String, letter: String, turnOff: @Sendable (inout Sampling) -> Void)] = [
    (
      "penalties", "e",
      {
        $0.repetitionPenalty = 1
        $0.frequencyPenalty = 0
        $0.presencePenalty = 0
      }
    ),
    ("dry", "d", { $0.dryMultiplier = 0 }),
    ("top_n_sigma", "s", { $0.topNSigma = 0 }),
    ("top_k", "k", { $0.topK = 0 }),
    ("typ_p", "y", { $0.typicalP = 1 }),
    ("top_p", "p", { $0.topP = 1 }),
    ("min_p", "m", { $0.minP = 0 }),
    ("xtc", "x", { $0.xtcProbability = 0 }),
    (
      "temperature", "t",
      {
        $0.temperature = 1
        $0.dynamicTemperatureRange = 0
      }
    ),
  ]

  /// The bias of a token that is not to come: no logit is large enough to make up for it.
  private static let never = -1e30
}
