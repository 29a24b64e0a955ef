import JambaFormat
import JambaSystem

/// A .safetensors file: its header read and checked, its tensors read on demand.
///
/// Nothing is mapped: mapped pages would count as this process's memory.
final class SafetensorsFile: Sendable {
  struct Tensor: Sendable {
    let type: String
    let shape: [Int]
    /// Bytes in the file.
    let range: Range<Int>
  }

  let path: String
  let byteCount: Int
  /// CRC-32C of the header: names, types, shapes and places of all tensors.
  let headerChecksum: UInt32
  let names: [String]
  private let tensors: [ExactString: Tensor]
  private let file: FileDescriptor

  private static let headerLimit = 100_000_000
  private static let widths = [
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4,
    "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
  ]

  init(path: String) throws(ConversionError) {
    self.path = path
    do throws(SystemError) {
      file = try .open(reading: path)
      byteCount = try file.regularFileSize()
    } catch { throw .system(path: path, error) }
    func damaged(_ reason: String) -> ConversionError { .damaged(path: path, reason: reason) }
    let header = try SafetensorsFile.header(file, byteCount, path)
    headerChecksum = checksum(of: header)

    let json: JSON
    do { json = try JSON.parse(header) } catch { throw damaged("its header is \(error)") }
    guard let object = json.object else { throw damaged("its header is not an object") }
    let start = 8 + header.count
    var names: [String] = []
    var tensors: [ExactString: Tensor] = [:]
    for (name, value) in object.members where name != "__metadata__" {
      guard let type = value["dtype"]?.string, let width = SafetensorsFile.widths[type],
        let shape = value["shape"]?.array?.compactMap(\.integer), shape.count == value["shape"]?.array?.count,
        let offsets = value["data_offsets"]?.array?.compactMap(\.integer), offsets.count == 2
      else { throw damaged("the entry of \(name) makes no sense") }
      var size = width
      for extent in shape {
        let (product, overflow) = size.multipliedReportingOverflow(by: extent)
        guard extent >= 0, !overflow else { throw damaged("the shape of \(name) makes no sense") }
        size = product
      }
      guard offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= byteCount - start, offsets[1] - offsets[0] == size
      else { throw damaged("\(name) does not lie inside the file, or not with its size") }
      names.append(name)
      tensors[ExactString(name)] = Tensor(type: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
    }
    // The format allows neither holes nor overlaps.
    var position = start
    for tensor in tensors.values.sorted(by: { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }) {
      guard tensor.range.lowerBound == position else { throw damaged("its tensors overlap or leave holes") }
      position = tensor.range.upperBound
    }
    guard position == byteCount else { throw damaged("there are bytes behind its last tensor, or too few") }
    self.names = names
    self.tensors = tensors
  }

  private static func header(
    _ file: borrowing FileDescriptor, _ byteCount: Int, _ path: String
  ) throws(ConversionError) -> [UInt8] {
    let prefix = try bytes(file, 0..<8, byteCount, path)
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= headerLimit, Int(length) <= byteCount - 8 else {
      throw .damaged(path: path, reason: "its header is longer than the file or than \(headerLimit) bytes")
    }
    return try bytes(file, 8..<8 + Int(length), byteCount, path)
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

  subscript(name: String) -> Tensor? { tensors[ExactString(name)] }

  /// Reads bytes of the file, which will not be asked for again.
  func read(_ range: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) throws(ConversionError) {
    do throws(SystemError) { try unsafe file.read(into: buffer, at: range.lowerBound) } catch {
      throw .system(path: path, error)
    }
    file.forget(range)
  }

  /// Asks the system to read ahead.
  func prepare(_ range: Range<Int>) { file.willNeed(range) }
}
