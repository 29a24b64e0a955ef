import JambaFormat

/// The moments of a model's inputs as `jamba calibrate` wrote them: how much an error of a weight, and of every two
/// together, counts.
struct Importance {
  private let file: SafetensorsFile
  /// Of the whole file.
  let checksum: UInt32

  /// What is added to a diagonal, in units of its mean: moments of a text are not those of all texts, and a text of few
  /// tokens leaves directions unseen. From 2 % to 50 % a text of the same kind cannot tell, another one gains (docs/QUALITY.md).
  private static let damping: Float = 0.25

  init(path: String) throws(ConversionError) {
    file = try SafetensorsFile(path: path)
    checksum = try file.checksumOfAll()
  }

  /// Moments of one matrix's input.
  struct Moments: Sendable {
    /// `[blocks][size][size]`, diagonals positive; beyond the matrix zeros but for a small diagonal.
    let blocks: [Float]
    let blockSize: Int
    /// The diagonals, `[columns]`.
    let columns: [Float]
  }

  /// - Returns: nil for matrices that have no moments: embeddings that are looked up, and routers.
  /// - Throws: `unusable` when the file is another model's; `damaged` for numbers that are no moments.
  func moments(of tensor: TensorSpecification, in tensors: ModelTensors) throws(ConversionError) -> Moments? {
    guard let name = tensors.momentsOwner(of: tensor.id)?.name else { return nil }
    let columns = tensor.shape[1]
    guard let stored = file[name], stored.type == "F32", let size = stored.shape.last,
      ModelTensors.momentBlocks.contains(size), size % 64 == 0,
      stored.shape == [(columns + size - 1) / size, size, size]
    else {
      throw .unusable(
        path: file.path, reason: "\(name) is missing or of the wrong shape; calibrate the model that is converted")
    }
    var blocks = [Float](repeating: 0, count: stored.shape[0] * size * size)
    var isFinite = false
    var failure: ConversionError?
    unsafe blocks.withUnsafeMutableBufferPointer { blocks in
      do throws(ConversionError) { try unsafe file.readFloats(.f32, stored.range, into: blocks) } catch {
        failure = error
      }
      isFinite = unsafe areFinite(UnsafeBufferPointer(blocks))
    }
    if let failure { throw failure }
    file.forget(stored.range)
    func place(_ column: Int) -> Int { column / size * size * size + column % size * (size + 1) }
    var diagonal = (0..<columns).map { blocks[place($0)] }
    guard isFinite, diagonal.allSatisfy({ $0 >= 0 }) else {
      throw .damaged(path: file.path, reason: "\(name) holds numbers that are no moments")
    }
    let mean = diagonal.reduce(0, +) / Float(columns)
    let added = mean > 0 ? Importance.damping * mean : 1
    guard added.isFinite else { throw .damaged(path: file.path, reason: "\(name) holds numbers that are no moments") }
    for column in diagonal.indices { diagonal[column] += added }
    for column in 0..<stored.shape[0] * size {
      blocks[place(column)] = column < columns ? diagonal[column] : 1e-3 * added
    }
    return Moments(blocks: blocks, blockSize: size, columns: diagonal)
  }
}
