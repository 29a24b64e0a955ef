public import Jamba
public import JambaSystem

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
    let expected = LayerTrace(layerCount: errors.count)
    let found = LayerTrace(layerCount: errors.count)
    try reference.observe(window, by: expected)
    try model.observe(window, by: found)
    for layer in errors.indices {
      for (value, reference) in zip(found.states[layer + 1], expected.states[layer + 1]) {
        let difference = Double(value) - Double(reference)
        errors[layer] += difference * difference
        powers[layer] += Double(reference) * Double(reference)
      }
      for (chosen, reference) in zip(found.experts[layer], expected.experts[layer]) {
        choices[layer] += reference.count
        agreements[layer] += Set(reference).intersection(chosen).count
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

/// A record of a model's layers while it reads tokens: residual streams and routing.
package final class LayerTrace: PassObserver {
  /// The residual stream before each layer and after the last, `[layers + 1][tokens * hidden]`.
  package private(set) var states: [[Float]]
  /// `[layers][tokens]`: the experts that a token goes to; empty for layers without a router.
  package private(set) var experts: [[[Int]]]

  package init(layerCount: Int) {
    states = Array(repeating: [], count: layerCount + 1)
    experts = Array(repeating: [], count: layerCount)
  }

  package func layerBegins(_ layer: Int, residual: ResidualStream) { states[layer] += residual.copy() }

  package func routerChose(_ chosen: [[Int]], layer: Int) { experts[layer] += chosen }
}
