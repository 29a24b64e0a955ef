import JambaFormat
import JambaSystem

/// A .safetensors file: its header read and checked, its tensors read on demand.
///
/// Nothing is mapped: mapped pages would count as this process's memory. Ranges are those of the header's tensors.
final class SafetensorsFile: Sendable {
  let path: String
  let byteCount: Int
  /// CRC-32C of the header: names, types, shapes and places of all tensors.
  let headerChecksum: UInt32
  let tensors: [SafetensorsHeader.Tensor]
  /// In nanoseconds.
  let modificationTime: Int
  private let indices: [ExactString: Int]
  private let file: FileDescriptor
  /// Where the header ends.
  private let start: Int

  init(path: String) throws(ConversionError) {
    self.path = path
    do throws(SystemError) {
      file = try .open(reading: path)
      byteCount = try file.regularFileSize()
      modificationTime = try file.modificationTime()
    } catch { throw .system(path: path, error) }
    let prefix = try SafetensorsFile.bytes(file, 0..<SafetensorsHeader.prefixByteCount, byteCount, path)
    guard let length = SafetensorsHeader.byteCount(prefix, fileByteCount: byteCount) else {
      throw .damaged(
        path: path, reason: "its header is longer than the file or than \(SafetensorsHeader.limit) bytes")
    }
    start = SafetensorsHeader.prefixByteCount + length
    let text = try SafetensorsFile.bytes(file, SafetensorsHeader.prefixByteCount..<start, byteCount, path)
    headerChecksum = checksum(of: text)
    do { tensors = try SafetensorsHeader(text, contentByteCount: byteCount - start).tensors } catch {
      throw .damaged(path: path, reason: error.reason)
    }
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { (ExactString($1.name), $0) })
  }

  private static func bytes(
    _ file: borrowing FileDescriptor, _ range: Range<Int>, _ byteCount: Int, _ path: String
  ) throws(ConversionError) -> [UInt8] {
    guard range.upperBound <= byteCount else { throw .damaged(path: path, reason: "it is cut short") }
    var bytes = [UInt8](repeating: 0, count: range.count)
    var failure: SystemError?
    unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(SystemError) { try unsafe file.read(into: buffer, at: range.lowerBound) } catch { failure = error }
    }
    if let failure { throw .system(path: path, failure) }
    return bytes
  }

  subscript(name: String) -> SafetensorsHeader.Tensor? { indices[ExactString(name)].map { tensors[$0] } }

  /// CRC-32C of the whole file.
  func checksumOfAll() throws(ConversionError) -> UInt32 {
    let buffer: AlignedBuffer
    do { buffer = try AlignedBuffer(byteCount: 1 << 20) } catch { throw .outOfMemory }
    var sum: UInt32 = 0
    for first in stride(from: 0, to: byteCount, by: buffer.byteCount) {
      let part = first..<min(first + buffer.byteCount, byteCount)
      let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<part.count])
      do throws(SystemError) { try unsafe file.read(into: bytes, at: first) } catch {
        throw .system(path: path, error)
      }
      sum = unsafe checksum(of: UnsafeRawBufferPointer(bytes), after: sum)
    }
    return sum
  }

  /// Bytes of a range as the header has them.
  func bytes(_ range: Range<Int>) throws(ConversionError) -> [UInt8] {
    try SafetensorsFile.bytes(file, start + range.lowerBound..<start + range.upperBound, byteCount, path)
  }

  private func read(_ range: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) throws(ConversionError) {
    do throws(SystemError) { try unsafe file.read(into: buffer, at: start + range.lowerBound) } catch {
      throw .system(path: path, error)
    }
  }

  /// Bytes that are read and converted at a time: little enough to stay in a processor's cache.
  private static let pieceByteCount = 64 << 10

  /// Reads numbers as float32, in memory of a piece.
  func readFloats(
    _ type: StoredFloat, _ range: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    precondition(values.count * type.byteCount == range.count, "the numbers need another size")
    var failure: ConversionError?
    unsafe withUnsafeTemporaryAllocation(
      byteCount: min(SafetensorsFile.pieceByteCount, range.count), alignment: type.byteCount
    ) { buffer in
      for first in stride(from: range.lowerBound, to: range.upperBound, by: SafetensorsFile.pieceByteCount) {
        let piece = first..<min(first + SafetensorsFile.pieceByteCount, range.upperBound)
        let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<piece.count])
        do throws(ConversionError) { try unsafe read(piece, into: bytes) } catch {
          failure = error
          return
        }
        unsafe type.convert(
          UnsafeRawBufferPointer(bytes), into: values.baseAddress! + (first - range.lowerBound) / type.byteCount)
      }
    }
    if let failure { throw failure }
  }

  /// Asks the system to read ahead.
  func prepare(_ range: Range<Int>) { file.willNeed(start + range.lowerBound..<start + range.upperBound) }

  /// Says that bytes will not be asked for again.
  func forget(_ range: Range<Int>) { file.forget(start + range.lowerBound..<start + range.upperBound) }
}
