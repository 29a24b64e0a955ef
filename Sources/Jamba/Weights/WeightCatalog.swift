import JambaFormat
import JambaSystem

/// Which segments of a file make up which part of the model.
struct WeightCatalog {
  /// Embedding, head, final norm.
  let outer: [Int]
  /// Everything of a layer but its experts.
  let layers: [WeightUnit]
  /// The experts of each layer; none for a dense one.
  let experts: [[WeightUnit]]

  /// - Parameter path: of the file whose directory it is, for errors.
  init(_ directory: Directory, _ configuration: ModelConfiguration, path: String) throws(JambaError) {
    let tensors = ModelTensors(configuration)
    let places = Dictionary(directory.entries.map { (ExactString($0.name), $0.segment) }) { first, _ in first }
    func segments(of specifications: [TensorSpecification]) throws(JambaError) -> [Int] {
      var found: Set<Int> = []
      for specification in specifications {
        guard let segment = places[ExactString(specification.name)] else {
          throw .format(.invalidModel(path: path, reason: "\(specification.name) is missing"))
        }
        found.insert(segment)
      }
      return found.sorted()
    }
    func unit(_ specifications: [TensorSpecification], _ layer: Int) throws(JambaError) -> WeightUnit {
      WeightUnit(segments: try segments(of: specifications), layer: layer, directory)
    }

    outer = try segments(of: tensors.outer)
    var layers: [WeightUnit] = []
    var experts: [[WeightUnit]] = []
    for layer in 0..<configuration.numHiddenLayers {
      layers.append(try unit(tensors.layer(layer), layer))
      let count = configuration.expertCount(ofLayer: layer)
      var units: [WeightUnit] = []
      if count > 1 {
        for expert in 0..<count { units.append(try unit(tensors.expert(expert, ofLayer: layer), layer)) }
      }
      experts.append(units)
    }
    self.layers = layers
    self.experts = experts
  }

  /// Which layers stay in memory when `count` of them do: evenly spread, so that there is something to compute on while
  /// those between are read.
  func kept(_ count: Int) -> Set<Int> { Set((0..<count).map { $0 * layers.count / count }) }

  /// The segments of some layers, of everything that belongs to no layer, and of the experts: in the order of their use, and last
  /// what may not be used.
  func segments(ofLayers kept: some Sequence<Int>, experts includesExperts: Bool) -> [Int] {
    var all = kept.sorted().flatMap { layers[$0].parts.map(\.segment) } + outer
    if includesExperts { all += experts.joined().flatMap(\.parts).map(\.segment) }
    var seen: Set<Int> = []
    return all.filter { seen.insert($0).inserted }
  }
}
