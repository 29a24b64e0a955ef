/// How the next token is chosen from the logits: an option or two for each stage on the way.
///
/// `SamplingStages` has the stages in their order: logit bias, penalties (repetition, frequency and presence, DRY),
/// temperature, top-n-sigma, top-k, typical-p, top-p, min-p, XTC, and then a draw with the seeded generator. Mirostat takes
/// the place of all that cut off between temperature and draw. Without arguments: the most probable token every time.
public struct Sampling: Sendable, Equatable {
  /// 0 takes the most probable token every time, after bias and penalties; no other stage counts then.
  public var temperature: Float
  /// The temperature is from `temperature` less this, at least 0, to `temperature` and this: the lower the surer the model
  /// is (dynamic temperature); 0 is off.
  public var dynamicTemperatureRange: Float = 0
  /// Bends the way from the lower to the higher end of that range; 1 goes straight.
  public var dynamicTemperatureExponent: Float = 1
  /// Only tokens whose logit is at most so many standard deviations of all logits below the largest (Tang and others 2024);
  /// 0 or less is off.
  public var topNSigma: Float = 0
  /// Only the k most probable tokens; 0 or less for all.
  public var topK: Int
  /// Only the tokens whose surprise is nearest to the one expected, that add up to p (Meister and others 2022); 1 is off.
  public var typicalP: Float = 1
  /// Only the most probable tokens that add up to p; 1 is off, and 0 takes the most probable one.
  public var topP: Float
  /// Only tokens at least p times as probable as the most probable one; 0 is off.
  public var minP: Float
  /// How probable it is that XTC (exclude top choices) leaves out, of the tokens with at least `xtcThreshold`, all but the
  /// least probable; 0 is off.
  public var xtcProbability: Float = 0
  /// See `xtcProbability`; above 0.5 there is never a second such token.
  public var xtcThreshold: Float = 0.1
  /// 2 for mirostat 2 (Basu and others 2021, algorithm 2), which takes the place of top-n-sigma, top-k, typical-p, top-p,
  /// min-p and XTC; 0 is off.
  public var mirostat = 0
  /// The surprise that mirostat steers to, in bits a token.
  public var mirostatTau: Float = 5
  /// How fast mirostat learns.
  public var mirostatEta: Float = 0.1
  /// Divides the logits of tokens that occurred among the last `repetitionWindow`, where positive, and multiplies them
  /// where negative; 1 changes nothing.
  public var repetitionPenalty: Float
  /// How many of the text's last tokens the repetition, frequency and presence penalties look at, prompt and answer alike;
  /// -1 for all, 0 for none.
  public var repetitionWindow: Int
  /// Taken from a token's logit as often as the token occurred in the window (OpenAI's definition).
  public var frequencyPenalty: Float = 0
  /// Taken from the logit of each token that occurred in the window (OpenAI's definition).
  public var presencePenalty: Float = 0
  /// DRY (don't repeat yourself): what is taken from the logit of a token that would lengthen a repetition of
  /// `dryAllowedLength` tokens; 0 is off.
  public var dryMultiplier: Float = 0
  /// By how much `dryMultiplier` grows with each token by which the repetition is longer.
  public var dryBase: Float = 1.75
  /// The length from which repetitions count.
  public var dryAllowedLength = 2
  /// How many of the text's last tokens DRY looks at; -1 for all, 0 for none.
  public var dryWindow = -1
  /// Texts that a repetition does not go across, such as a line break: tokens that hold one of them.
  public var drySequenceBreakers = Sampling.usualSequenceBreakers
  /// Logit bias: added to the logits of tokens. Tokens outside the vocabulary are passed over.
  public var logitBias: [Int32: Float] = [:]
  /// Where the draws begin; the same seed and the same logits give the same tokens.
  public var seed: UInt64

  /// What DRY takes for breaks unless it is told otherwise, as in llama.cpp.
  public static let usualSequenceBreakers = ["\n", ":", "\"", "*"]

  /// The options that are most often set; the others are properties. Values are checked where they are used: see
  /// `validate`.
  public init(
    temperature: Float = 0, topK: Int = 0, topP: Float = 1, minP: Float = 0, repetitionPenalty: Float = 1,
    repetitionWindow: Int = 64, seed: UInt64 = 0
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.repetitionWindow = repetitionWindow
    self.seed = seed
  }
}
