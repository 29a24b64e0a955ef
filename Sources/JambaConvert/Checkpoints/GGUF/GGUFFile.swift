import JambaSystem

/// A GGUF file, version 2 or 3: keys and tensor table read and checked, numbers read on demand
/// (specified in github.com/ggml-org/ggml).
///
/// The magic number, u32 version, u64 tensors, u64 keys; keys; the table; and, aligned, the tensors' bytes.
package final class GGUFFile: Sendable {
  package struct Tensor: Sendable {
    package let name: String
    /// The number of its type, which may be none that is read.
    let typeNumber: UInt32
    /// Extents, outermost first: the reverse of the file's.
    package let shape: [Int]
    /// Its bytes in the file; empty for a type that is not read.
    package let range: Range<Int>

    package var type: GGUFType? { GGUFType(rawValue: typeNumber) }
  }

  package let file: RandomAccessFile
  package let tensors: [Tensor]
  /// CRC-32C of all that precedes the tensors' bytes.
  let headerChecksum: UInt32
  private let keys: [ExactString: GGUFValue]

  static let magic = Array("GGUF".utf8)
  private static let keyLimit = 1 << 16
  private static let tensorLimit = 1 << 18
  private static let alignmentLimit = 1 << 20
  private static let standardAlignment = 32

  package init(path: String) throws(ConversionError) {
    file = try RandomAccessFile(path: path)
    var cursor = GGUFCursor(file)
    guard Array(try cursor.bytes(4)) == GGUFFile.magic else { throw cursor.damaged("it does not begin with GGUF") }
    let version = try cursor.number(UInt32.self)
    guard version == 2 || version == 3 else {
      throw .unusable(
        path: path,
        reason: version.byteSwapped == 3
          ? "it is a GGUF file for big-endian machines"
          : "it is a GGUF file of version \(version); versions 2 and 3 are read")
    }
    // At least a name's length, the number of dimensions, one of them, type and offset; a name's length, type and a byte.
    let tensorCount = try cursor.count(of: "tensors", taking: 32, limit: GGUFFile.tensorLimit)
    let keyCount = try cursor.count(of: "keys", taking: 13, limit: GGUFFile.keyLimit)

    var keys: [ExactString: GGUFValue] = [:]
    for _ in 0..<keyCount {
      let key = try cursor.text("a key")
      guard keys.updateValue(try .read(key, from: &cursor), forKey: ExactString(key)) == nil else {
        throw cursor.damaged("the key \(key) is there twice")
      }
    }
    self.keys = keys

    let alignment: Int
    switch keys[ExactString("general.alignment")] {
    case nil: alignment = GGUFFile.standardAlignment
    case .integer(let value)? where value > 0 && value <= GGUFFile.alignmentLimit && value & (value - 1) == 0:
      alignment = value
    default: throw cursor.damaged("general.alignment makes no sense")
    }

    var entries: [Entry] = []
    var names: Set<ExactString> = []
    for _ in 0..<tensorCount {
      let entry = try Entry(from: &cursor, alignment: alignment)
      guard names.insert(ExactString(entry.name)).inserted else {
        throw cursor.damaged("the tensor \(entry.name) is there twice")
      }
      entries.append(entry)
    }
    // The file is at least as long as the header, whose position is no larger than the header's limit.
    let start = (cursor.position + alignment - 1) / alignment * alignment
    tensors = try GGUFFile.placed(entries, from: start, in: file)
    headerChecksum = try file.checksum(ofFirst: cursor.position)
  }

  subscript(key: String) -> GGUFValue? { keys[ExactString(key)] }

  /// The tensors, whose bytes lie in the file and not in each other's: else a few bytes could pass for a large model.
  private static func placed(
    _ entries: [Entry], from start: Int, in file: RandomAccessFile
  ) throws(ConversionError) -> [Tensor] {
    var tensors: [Tensor] = []
    for entry in entries {
      let (first, isFar) = start.addingReportingOverflow(entry.offset)
      guard !isFar, first <= file.byteCount, entry.byteCount <= file.byteCount - first else {
        throw .damaged(path: file.path, reason: "it ends before \(entry.name) does")
      }
      tensors.append(
        Tensor(name: entry.name, typeNumber: entry.type, shape: entry.shape, range: first..<first + entry.byteCount))
    }
    var end = start
    for tensor in tensors.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) where !tensor.range.isEmpty {
      guard tensor.range.lowerBound >= end else {
        throw .damaged(path: file.path, reason: "the bytes of \(tensor.name) are another tensor's as well")
      }
      end = tensor.range.upperBound
    }
    return tensors
  }

  /// A row of the tensor table.
  private struct Entry {
    let name: String
    let type: UInt32
    let shape: [Int]
    /// From the start of the tensors' bytes.
    let offset: Int
    let byteCount: Int

    private static let dimensionLimit = 4

    init(from cursor: inout GGUFCursor, alignment: Int) throws(ConversionError) {
      name = try cursor.text("a tensor's name")
      let dimensions = try cursor.number(UInt32.self)
      guard 1...UInt32(Entry.dimensionLimit) ~= dimensions else {
        throw cursor.damaged("\(name) has \(dimensions) dimensions")
      }
      var shape: [Int] = []
      var count = 1
      for _ in 0..<dimensions {
        let extent = Int(exactly: try cursor.number(UInt64.self)) ?? 0
        let (product, isTooMuch) = count.multipliedReportingOverflow(by: extent)
        guard extent > 0, !isTooMuch else { throw cursor.damaged("the shape of \(name) makes no sense") }
        shape.append(extent)
        count = product
      }
      type = try cursor.number(UInt32.self)
      let offset = try cursor.number(UInt64.self)
      guard let offset = Int(exactly: offset), offset % alignment == 0 else {
        throw cursor.damaged("\(name) is not aligned")
      }
      self.offset = offset
      self.shape = shape.reversed()
      guard let type = GGUFType(rawValue: type) else {
        byteCount = 0
        return
      }
      let (blockSize, blockByteCount) = (type.blockSize, type.blockByteCount)
      guard shape[0] % blockSize == 0 else {
        throw cursor.damaged("\(name) is \(shape[0]) wide, which no \(type.name) can be")
      }
      let (byteCount, isTooMuch) = (count / blockSize).multipliedReportingOverflow(by: blockByteCount)
      guard !isTooMuch else { throw cursor.damaged("the shape of \(name) makes no sense") }
      self.byteCount = byteCount
    }
  }
}
