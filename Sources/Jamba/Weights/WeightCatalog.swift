import CKernels
import JambaFormat
import JambaSystem

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
      position += SystemMemory.wholePages(directory.segments[segment].byteCount)
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
  /// Where a segment's decoded bytes are. Called for segments that are in memory only.
  let address: (_ segment: Int) -> UnsafeRawPointer

  /// The tensor that the configuration demands, with the shape that it demands.
  private func entry(_ name: String, shape: [Int]) throws(JambaError) -> (index: Int, Entry) {
    guard let index = file.entryIndex(of: name) else {
      throw .format(.invalidModel(path: file.path, reason: "\(name) is missing"))
    }
    let entry = file.directory.entries[index]
    guard entry.shape == shape else {
      throw .format(
        .invalidModel(path: file.path, reason: "\(name) has shape \(entry.shape), the configuration asks for \(shape)"))
    }
    return (index, entry)
  }

  func matrix(_ name: String, _ rows: Int, _ columns: Int) throws(JambaError) -> Matrix {
    let (index, entry) = try entry(name, shape: [rows, columns])
    guard entry.type.isMatrix else {
      throw .format(.invalidModel(path: file.path, reason: "\(name) is stored as \(entry.type.name), not as a matrix"))
    }
    return unsafe Matrix(
      entry: index,
      raw: jk_matrix(
        strips: address(entry.segment) + entry.offset, type: entry.type.kernelType, rows: UInt32(rows), columns: UInt32(columns)))
  }

  func vector(_ name: String, _ shape: Int...) throws(JambaError) -> Vector {
    let (_, entry) = try entry(name, shape: shape)
    guard entry.type == .vector else {
      throw .format(.invalidModel(path: file.path, reason: "\(name) is stored as \(entry.type.name), not as f32"))
    }
    return unsafe Vector(
      base: (address(entry.segment) + entry.offset).assumingMemoryBound(to: Float.self), count: entry.elementCount)
  }
}
