public import JambaFormat

/// How far a model's layers are from a reference's on the same tokens: the residual stream behind each layer, and the
/// experts that each router chooses. Errors of earlier layers are in those of later ones.
public struct LayerMeasure {
  private let model: Session
  private let reference: Session
  /// Sums of squares by layer: of differences, and of the reference.
  private var errors: [Double]
  private var powers: [Double]
  /// By layer: choices of an expert for a token, and those that are the same.
  private var choices: [Int]
  private var agreements: [Int]

  /// - Parameter capacity: the most tokens in a window, which both models must have been opened to compute together.
  /// - Throws: `invalidOption` for models of different shapes; `outOfMemory`.
  public init(_ model: JambaModel, reference: JambaModel, capacity: Int) throws(JambaError) {
    let (a, b) = (model.configuration, reference.configuration)
    guard a.numHiddenLayers == b.numHiddenLayers, a.hiddenSize == b.hiddenSize, a.numExperts == b.numExperts,
      a.vocabSize == b.vocabSize, a.numExpertsPerTok == b.numExpertsPerTok
    else { throw .invalidOption("the reference is not the same model: its shape is another") }
    let options = SessionOptions(chunk: capacity, snapshotInterval: capacity)
    self.model = try model.makeSession(options: options)
    self.reference = try reference.makeSession(options: options)
    errors = [Double](repeating: 0, count: a.numHiddenLayers)
    powers = errors
    choices = [Int](repeating: 0, count: a.numHiddenLayers)
    agreements = choices
  }

  /// Takes in one window.
  public mutating func add(_ window: [Int32]) throws(JambaError) {
    let expected = try LayerTrace(window, reference)
    let found = try LayerTrace(window, model)
    for layer in errors.indices {
      for (value, reference) in zip(found.states[layer + 1], expected.states[layer + 1]) {
        let difference = Double(value) - Double(reference)
        errors[layer] += difference * difference
        powers[layer] += Double(reference) * Double(reference)
      }
      for (chosen, reference) in zip(found.experts[layer], expected.experts[layer]) {
        choices[layer] += reference.count
        agreements[layer] += reference.intersection(chosen).count
      }
    }
  }

  /// `[{layer, relative_error, router_agreement}]`; the last for layers with several experts.
  public var report: JSON {
    .array(
      errors.indices.map { layer in
        var object: JSONObject = [
          "layer": .integer(layer),
          "relative_error": .number((errors[layer] / max(powers[layer], .leastNormalMagnitude)).squareRoot()),
        ]
        if choices[layer] > 0 {
          object["router_agreement"] = .number(Double(agreements[layer]) / Double(choices[layer]))
        }
        return .object(object)
      })
  }
}

/// What happens in the layers of one model.
private struct LayerTrace {
  /// See `Session.hiddenStates`.
  let states: [[Float]]
  /// `[layers][tokens]`, empty for layers without a router.
  let experts: [[Set<Int>]]

  init(_ window: [Int32], _ session: Session) throws(JambaError) {
    let c = session.model.configuration
    let choices = Choices(layerCount: c.numHiddenLayers)
    let engine = Engine(session.model.engine) { product in
      guard product.matrix.id.role == .router, let layer = product.matrix.id.layer else { return }
      for token in 0..<product.count {
        let logits = (0..<c.numExperts).map { product.output[token, $0] }
        let order = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }
        choices.layers[layer].append(Set(order.prefix(c.numExpertsPerTok)))
      }
    }
    states = try session.withCore { (core) throws(JambaError) in try core.hiddenStates(window, engine: engine) }
    experts = choices.layers
  }

  private final class Choices {
    var layers: [[Set<Int>]]
    init(layerCount: Int) { layers = Array(repeating: [], count: layerCount) }
  }
}
