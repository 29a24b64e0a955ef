import JambaFormat
import JambaSystem

/// What a model's matrices see of a text: the second moments of their inputs, mean of x x' over the tokens, in blocks of
/// columns. The converter weighs errors by them (docs/QUALITY.md).
public final class Calibration {
  private let session: Session
  private let bos: Int32?
  /// The most columns of a block.
  private let blockLimit: Int
  /// By `ModelTensors.inputName`.
  private var inputs: [String: Moments] = [:]
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
    bos = session.model.configuration.bosTokenID.map { Int32($0) }
  }

  /// Takes in one window; its first token is replaced by the model's first token.
  ///
  /// - Throws: as `Session.append`; `outOfMemory` for the moments.
  public func add(_ window: [Int32]) throws(JambaError) {
    var window = window
    if let bos, !window.isEmpty { window[0] = bos }
    let owner = session.model.engine
    let engine = Engine(owner) { [unowned self] product in record(product, owner) }
    try session.withCore { (core) throws(JambaError) in try core.observe(window, engine: engine) }
    if let failure { throw failure }
  }

  private func record(_ product: Product, _ engine: Engine) {
    let name = session.model.file.directory.entries[product.matrix.entry].name
    // Whose input is counted under another name, and routers, which stay as they are.
    guard failure == nil, ModelTensors.inputName(of: name) == name, !name.hasSuffix(".router.weight") else { return }
    do throws(JambaError) {
      let moments: Moments
      if let known = inputs[name] {
        moments = known
      } else {
        moments = try Moments(columns: product.matrix.columns, blockLimit: blockLimit)
        inputs[name] = moments
      }
      engine.addMoments(of: product, blockSize: moments.blockSize, to: moments.sums)
      moments.tokenCount += product.count
    } catch { failure = error }
  }

  /// Whether the moments can be written to a path, to be asked before hours of work.
  ///
  /// - Throws: `format` when they cannot.
  public static func checkOutput(_ path: String) throws(JambaError) {
    do throws(SystemError) {
      guard !FileSystem.isDirectory(path) else { throw SystemError.isFolder }
      _ = try FileDescriptor.create(path + ".partial")
      FileSystem.remove(path + ".partial")
    } catch { throw .format(.system(action: "write", path: path, error)) }
  }

  /// Writes the means as safetensors: for every input a float32 tensor `[blocks, size, size]`. An expert's mean is drawn
  /// towards that of its layer's experts, as if it had seen 128 tokens of it: experts seen rarely or never are judged by the
  /// others.
  ///
  /// - Throws: `format` when the file cannot be written; then there is none.
  public func write(to path: String) throws(JambaError) {
    let specifications = ModelTensors(session.model.configuration).all.filter {
      $0.kind == .matrix && ModelTensors.inputName(of: $0.name) == $0.name && !$0.name.hasSuffix(".router.weight")
        && ($0.name != ModelTensors.embedding || session.model.configuration.tieWordEmbeddings)
    }
    var header = "{"
    var offset = 0
    for specification in specifications {
      let columns = specification.shape[1]
      let size = ModelTensors.momentBlock(columns: columns, limit: blockLimit)
      let end = offset + Calibration.valueCount(columns, size) * 4
      header += offset == 0 ? "" : ","
      header +=
        "\"\(specification.name)\":{\"dtype\":\"F32\",\"shape\":[\(Calibration.blockCount(columns, size)),\(size),\(size)],"
      header += "\"data_offsets\":[\(offset),\(end)]}"
      offset = end
    }
    header += "}"
    header += String(repeating: " ", count: -header.utf8.count & 7)
    let temporary = path + ".partial"
    do throws(SystemError) {
      let file = try FileDescriptor.create(temporary)
      do throws(SystemError) {
        var position = 8 + header.utf8.count
        let start = unsafe withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { unsafe Array($0) }
        try file.write(start + Array(header.utf8), at: 0)
        let layers = layerMoments(specifications)
        for specification in specifications {
          let mean = mean(of: specification, layers)
          let bytes = unsafe mean.withUnsafeBytes { unsafe Array($0) }
          try file.write(bytes, at: position)
          position += bytes.count
        }
        try file.synchronize()
        try FileSystem.rename(temporary, to: path)
      } catch {
        FileSystem.remove(temporary)
        throw error
      }
    } catch { throw .format(.system(action: "write", path: path, error)) }
  }

  /// "model.layers.1.feed_forward.experts." + "gate_proj.weight" of an expert's tensor; nil for others.
  private static func group(of name: String) -> String? {
    guard ModelTensors.isExpert(name) else { return nil }
    let parts = name.split(separator: ".")
    return parts.dropLast(3).joined(separator: ".") + "." + parts.suffix(2).joined(separator: ".")
  }

  /// Sums over all experts of a layer, and the tokens they saw.
  private func layerMoments(_ specifications: [TensorSpecification]) -> [String: (sums: [Float], tokenCount: Int)] {
    var result: [String: (sums: [Float], tokenCount: Int)] = [:]
    for specification in specifications {
      guard let group = Calibration.group(of: specification.name), let moments = inputs[specification.name] else {
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
    of specification: TensorSpecification, _ layers: [String: (sums: [Float], tokenCount: Int)]
  ) -> [Float] {
    let size = ModelTensors.momentBlock(columns: specification.shape[1], limit: blockLimit)
    var values = [Float](repeating: 0, count: Calibration.valueCount(specification.shape[1], size))
    var weight: Float = 0
    if let moments = inputs[specification.name] {
      moments.add(to: &values)
      weight = Float(moments.tokenCount)
    }
    if let layer = Calibration.group(of: specification.name).flatMap({ layers[$0] }) {
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
