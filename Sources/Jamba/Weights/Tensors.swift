import JambaFormat

/// A weight matrix `[rows, columns]` of the file: its place, which a `WeightView` finds in memory.
struct Matrix: Sendable {
  /// Its place in the file's directory.
  let entry: Int
  let segment: Int
  let offset: Int
  let type: StorageType
  let rows: Int
  let columns: Int
}

/// A float32 tensor of the file, `[rows, width]`: a norm, a bias, `A`. One of rank 1 has one row.
struct Vector: Sendable {
  let segment: Int
  let offset: Int
  let rows: Int
  let width: Int
}

/// The tensors that a model's configuration asks of its file.
struct TensorTable {
  let file: JambaFile

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
    return Matrix(
      entry: index, segment: entry.segment, offset: entry.offset, type: entry.type, rows: rows, columns: columns)
  }

  func vector(_ name: String, _ shape: Int...) throws(JambaError) -> Vector {
    let (_, entry) = try entry(name, shape: shape)
    guard entry.type == .vector else {
      throw .format(.invalidModel(path: file.path, reason: "\(name) is stored as \(entry.type.name), not as f32"))
    }
    return Vector(
      segment: entry.segment, offset: entry.offset, rows: shape.count == 1 ? 1 : shape[0], width: shape[shape.count - 1])
  }
}
