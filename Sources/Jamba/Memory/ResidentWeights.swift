import CKernels
import JambaFormat
import Synchronization

/// The weights of a model file in memory: raw segments where the file is mapped, packed ones decoded into memory of
/// their own. Every block is checked against its checksum as it is read, on all threads.
final class ResidentWeights: Sendable {
  private let file: JambaFile
  /// Decoded segments; nil for those used in place.
  private let decoded: [AlignedBuffer?]

  init(_ file: JambaFile, engine: Engine) throws(JambaError) {
    self.file = file
    let directory = file.directory
    var buffers: [AlignedBuffer?] = []
    for segment in directory.segments {
      do throws(SystemError) {
        buffers.append(segment.packing == .raw ? nil : try AlignedBuffer(byteCount: segment.byteCount))
      } catch { throw .outOfMemory(byteCount: segment.byteCount) }
    }
    decoded = buffers

    var owners: [Int] = []  // the segment of each block
    for (index, segment) in directory.segments.enumerated() {
      owners += repeatElement(index, count: segment.blocks.count)
    }
    let failure = Mutex<FormatError?>(nil)
    engine.forEachRange(of: directory.blocks.count, grain: 4) { [owners, buffers] range in
      for block in range {
        do throws(FormatError) {
          if let buffer = buffers[owners[block]] {
            let part = file.decodedRange(ofBlock: block, in: directory.segments[owners[block]])
            try unsafe file.decodeBlock(block, into: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[part]))
          } else {
            try file.verifyBlock(block)
          }
        } catch {
          failure.withLock { $0 = $0 ?? error }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw .format(error) }
  }

  /// Bytes decoded into memory of our own.
  var decodedByteCount: Int { decoded.reduce(0) { $0 + ($1?.byteCount ?? 0) } }

  private func address(of entry: Entry) -> UnsafeRawPointer {
    if let buffer = decoded[entry.segment] { return unsafe UnsafeRawPointer(buffer.base!) + entry.offset }
    return unsafe file.map.base + file.directory.segments[entry.segment].offset + entry.offset
  }

  /// The tensor that the configuration demands, with the shape that it demands.
  private func entry(_ name: String, shape: [Int]) throws(JambaError) -> Entry {
    guard let entry = file.entry(named: name) else {
      throw .format(.invalidModel(path: file.path, reason: "\(name) is missing"))
    }
    guard entry.shape == shape else {
      throw .format(
        .invalidModel(path: file.path, reason: "\(name) has shape \(entry.shape), the configuration asks for \(shape)"))
    }
    return entry
  }

  func matrix(_ name: String, _ rows: Int, _ columns: Int) throws(JambaError) -> Matrix {
    let entry = try entry(name, shape: [rows, columns])
    let type: jk_type
    switch entry.type {
    case .f32: type = JK_F32
    case .bf16: type = JK_BF16
    case .int8: type = JK_I8
    case .int4: type = JK_NL4
    case .document, .vector:
      throw .format(.invalidModel(path: file.path, reason: "\(name) is stored as \(entry.type.name), not as a matrix"))
    }
    return unsafe Matrix(
      raw: jk_matrix(strips: address(of: entry), type: type, rows: UInt32(rows), columns: UInt32(columns)))
  }

  func vector(_ name: String, _ shape: Int...) throws(JambaError) -> Vector {
    let entry = try entry(name, shape: shape)
    guard entry.type == .vector else {
      throw .format(.invalidModel(path: file.path, reason: "\(name) is stored as \(entry.type.name), not as f32"))
    }
    return unsafe Vector(
      base: address(of: entry).assumingMemoryBound(to: Float.self), count: entry.elementCount)
  }
}
