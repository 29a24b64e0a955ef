import CKernels
import JambaFormat

/// Weights that are loaded and dropped as one: an expert, or all of a layer that is no expert.
struct WeightUnit: Sendable {
  struct Part: Sendable {
    let segment: Int
    /// Where the segment begins in the unit's memory; on a page, so that it can be read past the page cache.
    let offset: Int
    let blocks: Range<Int>

    /// Reads that load it.
    var pieceCount: Int { (blocks.count + BlockReader.maximumBlockCount - 1) / BlockReader.maximumBlockCount }
  }

  let parts: [Part]
  /// Memory that the unit takes, whole pages.
  let byteCount: Int
  let pieceCount: Int
  /// The layer that uses it.
  let layer: Int

  init(segments: [Int], layer: Int, _ directory: Directory) {
    var parts: [Part] = []
    var position = 0
    for segment in segments {
      parts.append(Part(segment: segment, offset: position, blocks: directory.segments[segment].blocks))
      position += Memory.wholePages(directory.segments[segment].byteCount)
    }
    self.parts = parts
    byteCount = position
    pieceCount = parts.reduce(0) { $0 + $1.pieceCount }
    self.layer = layer
  }

  /// The part and the blocks that read number `index` loads.
  func piece(_ index: Int) -> (part: Part, blocks: Range<Int>) {
    var index = index
    var number = 0
    while index >= parts[number].pieceCount {
      index -= parts[number].pieceCount
      number += 1
    }
    let first = parts[number].blocks.lowerBound + index * BlockReader.maximumBlockCount
    return (parts[number], first..<min(first + BlockReader.maximumBlockCount, parts[number].blocks.upperBound))
  }
}

/// Which segments of a file make up which part of the model.
struct WeightCatalog {
  /// Embedding, head, final norm.
  let outer: [Int]
  /// Everything of a layer but its experts.
  let layers: [WeightUnit]
  /// The experts of each layer; none for a dense one.
  let experts: [[WeightUnit]]

  init(_ file: JambaFile, _ configuration: ModelConfiguration) throws(JambaError) {
    let tensors = ModelTensors(configuration)
    func segments(of specifications: [TensorSpecification]) throws(JambaError) -> [Int] {
      var found: Set<Int> = []
      for specification in specifications {
        guard let entry = file.entry(named: specification.name) else {
          throw .format(.invalidModel(path: file.path, reason: "\(specification.name) is missing"))
        }
        found.insert(entry.segment)
      }
      return found.sorted()
    }
    func unit(_ specifications: [TensorSpecification], _ layer: Int) throws(JambaError) -> WeightUnit {
      WeightUnit(segments: try segments(of: specifications), layer: layer, file.directory)
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

  /// The segments of everything that belongs to no layer, of some layers, and of the experts.
  func segments(ofLayers kept: some Sequence<Int>, experts includesExperts: Bool) -> Set<Int> {
    var result = Set(outer)
    for layer in kept { result.formUnion(layers[layer].parts.map(\.segment)) }
    if includesExperts { result.formUnion(experts.joined().flatMap(\.parts).map(\.segment)) }
    return result
  }
}

/// The tensors of a model, wherever their segments are.
@safe
struct WeightView {
  let file: JambaFile
  /// Decides which tensors there are, and their shapes.
  let configuration: ModelConfiguration
  /// Where a segment's decoded bytes are. Called for segments that are in memory only.
  let address: (_ segment: Int) -> UnsafeRawPointer

  /// A matrix, in the shape that its role has in this model.
  ///
  /// - Throws: `invalidModel` when the file has another one in its place, or none.
  func matrix(_ role: TensorRole, layer: Int? = nil, expert: Int? = nil) throws(JambaError) -> Matrix {
    let tensor = TensorSpecification(TensorID(role, layer: layer, expert: expert), in: configuration)
    let entry = try entry(tensor)
    guard let type = entry.type.matrixKernelType else {
      throw .format(
        .invalidModel(path: file.path, reason: "\(tensor.name) is stored as \(entry.type.name), not as a matrix"))
    }
    let (rows, columns) = (UInt32(tensor.shape[0]), UInt32(tensor.shape[1]))
    return unsafe Matrix(
      id: tensor.id,
      raw: jk_matrix(strips: address(entry.segment) + entry.offset, type: type, rows: rows, columns: columns))
  }

  /// As `matrix`, for a tensor that stays float32.
  func vector(_ role: TensorRole, layer: Int? = nil) throws(JambaError) -> Vector {
    let tensor = TensorSpecification(TensorID(role, layer: layer), in: configuration)
    let entry = try entry(tensor)
    guard entry.type == .vector else {
      throw .format(
        .invalidModel(path: file.path, reason: "\(tensor.name) is stored as \(entry.type.name), not as f32"))
    }
    return unsafe Vector(
      base: (address(entry.segment) + entry.offset).assumingMemoryBound(to: Float.self), count: entry.elementCount)
  }

  /// As `vector`; nil where models of this configuration do without.
  func optionalVector(_ role: TensorRole, layer: Int) throws(JambaError) -> Vector? {
    role.traits.condition.holds(for: configuration) ? try vector(role, layer: layer) : nil
  }

  /// The tensor that the configuration demands, with the shape that it demands.
  private func entry(_ tensor: TensorSpecification) throws(JambaError) -> Entry {
    guard let entry = file.entry(named: tensor.name) else {
      throw .format(.invalidModel(path: file.path, reason: "\(tensor.name) is missing"))
    }
    guard entry.shape == tensor.shape else {
      throw .format(
        .invalidModel(
          path: file.path,
          reason: "\(tensor.name) has shape \(entry.shape), the configuration asks for \(tensor.shape)"))
    }
    return entry
  }
}

extension StorageType {
  /// The kernels' name of the type; nil for those that are no matrices.
  fileprivate var matrixKernelType: jk_type? {
    switch self {
    case .f32: JK_F32
    case .bf16: JK_BF16
    case .int8: JK_I8
    case .int6: JK_I6
    case .int4: JK_NL4
    case .document, .vector: nil
    }
  }
}
