public import Jamba
import JambaFormat
import JambaSystem

/// Calibration: the second moments of a model's matrix inputs on a text, mean of x x' over the tokens, in blocks of
/// columns. The converter weighs errors by them (docs/QUALITY.md).
public final class Calibration {
  private let session: Session
  private let tensors: ModelTensors
  private let bos: Int32?
  /// The most columns of a block.
  private let blockLimit: Int
  /// By `ModelTensors.momentsOwner`.
  private var inputs: [TensorID: Moments] = [:]
  private var failure: JambaError?

  /// A sum over `tokenCount` tokens, `[blocks][size][size]`.
  private final class Moments {
    let blockSize: Int
    let sums: AlignedBuffer
    var tokenCount = 0

    init(columns: Int, blockLimit: Int) throws(JambaError) {
      blockSize = ModelTensors.momentBlock(columns: columns, limit: blockLimit)
      let byteCount = Calibration.valueCount(columns, blockSize) * 4
      do throws(SystemError) { sums = try AlignedBuffer(byteCount: byteCount) } catch {
        throw .outOfMemory(byteCount: byteCount)
      }
    }

    func add(to values: inout [Float]) {
      let base = unsafe sums.pointer(to: Float.self)
      for index in values.indices { unsafe values[index] += base[index] }
    }
  }

  /// As many tokens of its layer's experts an expert's mean is mixed with.
  private static let sharedTokenCount: Float = 128

  private static func blockCount(_ columns: Int, _ blockSize: Int) -> Int { (columns + blockSize - 1) / blockSize }
  private static func valueCount(_ columns: Int, _ blockSize: Int) -> Int {
    blockCount(columns, blockSize) * blockSize * blockSize
  }

  /// The session is the calibration's own from now on. Memory for the moments comes on top of the model's plan: up to
  /// `4 blockLimit` bytes for each column of each input.
  ///
  /// - Parameter blockLimit: The most columns of a block, a multiple of 64 from 64 to 512.
  public init(_ session: Session, blockLimit: Int) {
    precondition(ModelTensors.momentBlocks.contains(blockLimit) && blockLimit % 64 == 0, "no size of a block")
    self.session = session
    self.blockLimit = blockLimit
    tensors = ModelTensors(session.model.configuration)
    bos = session.model.configuration.bosTokenID.map { Int32($0) }
  }

  /// Takes in one window; its first token is replaced by the model's first token.
  ///
  /// - Throws: as `Session.append`; `outOfMemory` for the moments.
  public func add(_ window: [Int32]) throws(JambaError) {
    var window = window
    if let bos, !window.isEmpty { window[0] = bos }
    try session.observe(window, by: Observer(self))
    if let failure { throw failure }
  }

  /// Watches one window.
  private final class Observer: PassObserver {
    private let calibration: Calibration

    init(_ calibration: Calibration) { self.calibration = calibration }

    func didMultiply(_ matrix: MatrixInput) { calibration.record(matrix) }
  }

  private func record(_ input: MatrixInput) {
    // Others' inputs are counted under another name, or not at all.
    guard failure == nil, tensors.momentsOwner(of: input.tensor) == input.tensor else { return }
    do throws(JambaError) {
      let moments: Moments
      if let known = inputs[input.tensor] {
        moments = known
      } else {
        moments = try Moments(columns: input.columns, blockLimit: blockLimit)
        inputs[input.tensor] = moments
      }
      input.addMoments(blockSize: moments.blockSize, to: moments.sums)
      moments.tokenCount += input.tokenCount
    } catch { failure = error }
  }

  /// Whether the moments can be written to a path, to be asked before hours of work.
  ///
  /// - Throws: `format` when they cannot.
  public static func checkOutput(_ path: String) throws(JambaError) {
    do { try AtomicFile.check(path) } catch { throw .format(.system(action: "write", path: path, error)) }
  }

  /// Writes the means as safetensors: for every input a float32 tensor `[blocks, size, size]`. An expert's mean is drawn
  /// towards that of its layer's experts, as if it had seen 128 tokens of it: experts seen rarely or never are judged by the
  /// others.
  ///
  /// - Throws: `format` when the file cannot be written; then there is none.
  public func write(to path: String) throws(JambaError) {
    let specifications = tensors.all.filter { tensors.momentsOwner(of: $0.id) == $0.id }
    var header = SafetensorsHeader()
    for specification in specifications {
      let columns = specification.shape[1]
      let size = ModelTensors.momentBlock(columns: columns, limit: blockLimit)
      header.add(specification.name, type: "F32", shape: [Calibration.blockCount(columns, size), size, size])
    }
    do throws(SystemError) {
      var output = try AtomicFile(path)
      let start = header.encoded
      try output.file.write(start, at: 0)
      var position = start.count
      let layers = layerMoments(specifications)
      for specification in specifications {
        let mean = mean(of: specification, layers)
        let bytes = unsafe mean.withUnsafeBytes { unsafe Array($0) }
        try output.file.write(bytes, at: position)
        position += bytes.count
      }
      try output.commit()
    } catch { throw .format(.system(action: "write", path: path, error)) }
  }

  /// What the moments of an expert's input are mixed with; nil for those of other matrices.
  private static func group(of id: TensorID) -> TensorID? { id.expert == nil ? nil : id.ofAllExperts }

  /// Sums over all experts of a layer, and the tokens they saw.
  private func layerMoments(_ specifications: [TensorSpecification]) -> [TensorID: (sums: [Float], tokenCount: Int)] {
    var result: [TensorID: (sums: [Float], tokenCount: Int)] = [:]
    for specification in specifications {
      guard let group = Calibration.group(of: specification.id), let moments = inputs[specification.id] else {
        continue
      }
      var total = result[group] ?? ([Float](repeating: 0, count: moments.sums.byteCount / 4), 0)
      result[group] = nil
      moments.add(to: &total.sums)
      total.tokenCount += moments.tokenCount
      result[group] = total
    }
    return result
  }

  private func mean(
    of specification: TensorSpecification, _ layers: [TensorID: (sums: [Float], tokenCount: Int)]
  ) -> [Float] {
    let size = ModelTensors.momentBlock(columns: specification.shape[1], limit: blockLimit)
    var values = [Float](repeating: 0, count: Calibration.valueCount(specification.shape[1], size))
    var weight: Float = 0
    if let moments = inputs[specification.id] {
      moments.add(to: &values)
      weight = Float(moments.tokenCount)
    }
    if let layer = Calibration.group(of: specification.id).flatMap({ layers[$0] }) {
      let share = Calibration.sharedTokenCount / Float(layer.tokenCount)
      for index in values.indices { values[index] += share * layer.sums[index] }
      weight += Calibration.sharedTokenCount
    }
    for index in values.indices { values[index] /= max(weight, 1) }
    // What was not summed is symmetric.
    for block in 0..<values.count / (size * size) {
      let start = block * size * size
      for row in 0..<size {
        for column in 0..<row { values[start + row * size + column] = values[start + column * size + row] }
      }
    }
    return values
  }
}
