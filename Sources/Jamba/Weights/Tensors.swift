import JambaFormat

/// A weight matrix `[rows, columns]` of the file: its place, which a `WeightView` finds in memory.
struct Matrix: Sendable {
  let tensor: TensorID
  let segment: Int
  let offset: Int
  let byteCount: Int
  let layout: MatrixLayout

  /// Where in the segment it lies, and the strip that a row is in.
  var bytes: Range<Int> { offset..<offset + byteCount }
  func bytes(ofRow row: Int) -> Range<Int> {
    let strip = byteCount / layout.stripCount
    let start = offset + row / StorageType.stripRows * strip
    return start..<start + strip
  }
}

/// A float32 tensor of the file, `[rows, width]`: a norm, a bias, `A`. One of rank 1 has one row.
struct Vector: Sendable {
  let segment: Int
  let offset: Int
  let rows: Int
  let width: Int

  /// Where in the segment it lies.
  var bytes: Range<Int> { offset..<offset + rows * width * MemoryLayout<Float>.stride }
}

/// The tensors that a model's configuration asks of its file, by their roles.
struct TensorTable {
  let file: JambaFile
  /// Decides which tensors there are, and their shapes.
  let configuration: ModelConfiguration

  /// A matrix, in the shape that its role has in this model.
  ///
  /// - Throws: `invalidModel` when the file has another one in its place, or none.
  func matrix(_ role: TensorRole, layer: Int? = nil, expert: Int? = nil) throws(JambaError) -> Matrix {
    let tensor = TensorSpecification(TensorID(role, layer: layer, expert: expert), in: configuration)
    let entry = try entry(tensor)
    guard entry.type.isMatrix else { throw invalid("\(tensor.name) is stored as \(entry.type.name), not as a matrix") }
    return Matrix(
      tensor: tensor.id, segment: entry.segment, offset: entry.offset, byteCount: entry.byteCount,
      layout: MatrixLayout(entry.type, rows: tensor.shape[0], columns: tensor.shape[1]))
  }

  /// As `matrix`, for a tensor that stays float32.
  func vector(_ role: TensorRole, layer: Int? = nil) throws(JambaError) -> Vector {
    let tensor = TensorSpecification(TensorID(role, layer: layer), in: configuration)
    let entry = try entry(tensor)
    guard entry.type == .vector else { throw invalid("\(tensor.name) is stored as \(entry.type.name), not as f32") }
    let shape = tensor.shape
    return Vector(
      segment: entry.segment, offset: entry.offset, rows: shape.count == 1 ? 1 : shape[0], width: shape[shape.count - 1])
  }

  /// As `vector`; nil where models of this configuration do without.
  func optionalVector(_ role: TensorRole, layer: Int) throws(JambaError) -> Vector? {
    role.traits.condition.holds(for: configuration) ? try vector(role, layer: layer) : nil
  }

  /// The tensor that the configuration demands, with the shape that it demands.
  private func entry(_ tensor: TensorSpecification) throws(JambaError) -> Entry {
    guard let entry = file.entry(named: tensor.name) else { throw invalid("\(tensor.name) is missing") }
    guard entry.shape == tensor.shape else {
      throw invalid("\(tensor.name) has shape \(entry.shape), the configuration asks for \(tensor.shape)")
    }
    return entry
  }

  private func invalid(_ reason: String) -> JambaError { .format(.invalidModel(path: file.path, reason: reason)) }
}
