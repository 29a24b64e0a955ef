import JambaFormat
import JambaSystem

/// A file of a checkpoint, read at any place. Nothing is mapped: mapped pages would count as this process's memory.
package final class RandomAccessFile: Sendable {
  package let path: String
  package let byteCount: Int
  /// As `FileDescriptor.modificationTime`.
  let modificationTime: Int
  private let file: FileDescriptor

  init(path: String) throws(ConversionError) {
    self.path = path
    do throws(SystemError) {
      file = try .open(reading: path)
      byteCount = try file.regularFileSize()
      modificationTime = try file.modificationTime()
    } catch { throw .system(path: path, error) }
  }

  /// The path's last part.
  var name: String { path.split(separator: "/").last.map(String.init) ?? path }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(ConversionError) {
    do throws(SystemError) { try unsafe file.read(into: buffer, at: offset) } catch {
      throw .system(path: path, error)
    }
  }

  /// - Precondition: the range lies in the file.
  func bytes(_ range: Range<Int>) throws(ConversionError) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "the range lies in the file")
    var bytes = [UInt8](repeating: 0, count: range.count)
    var failure: ConversionError?
    unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(ConversionError) { try unsafe read(into: buffer, at: range.lowerBound) } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// CRC-32C of the first bytes.
  func checksum(ofFirst count: Int) throws(ConversionError) -> UInt32 {
    var sum: UInt32 = 0
    for first in stride(from: 0, to: count, by: 1 << 20) {
      let part = try bytes(first..<min(first + 1 << 20, count))
      sum = unsafe part.withUnsafeBytes { unsafe JambaFormat.checksum(of: $0, after: sum) }
    }
    return sum
  }

  /// Asks the system to read ahead.
  func prepare(_ range: Range<Int>) { file.willNeed(range) }

  /// Says that bytes will not be asked for again.
  func forget(_ range: Range<Int>) { file.forget(range) }
}
