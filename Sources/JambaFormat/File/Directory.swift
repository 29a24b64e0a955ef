/// A tensor or a document of a .jamba file.
public struct Entry: Sendable, Equatable {
  public let name: String
  public let type: StorageType
  /// Extents, outermost first; `[byteCount]` for a document.
  public let shape: [Int]
  /// The segment that holds it, and where in the decoded segment it lies.
  public let segment: Int
  public let offset: Int
  public let byteCount: Int

  package init(name: String, type: StorageType, shape: [Int], segment: Int, offset: Int, byteCount: Int) {
    self.name = name
    self.type = type
    self.shape = shape
    self.segment = segment
    self.offset = offset
    self.byteCount = byteCount
  }

  /// The number of values, padding left out.
  public var elementCount: Int { type == .document ? 0 : shape.reduce(1, *) }
}

/// A run of blocks: a large tensor, one expert's matrices, or the small tensors of a layer.
public struct Segment: Sendable, Equatable {
  public enum Packing: UInt8, Sendable {
    /// Stored as it is used: mapped and computed on in place.
    case raw = 0
    /// Blocks compressed by zstd, decoded once into memory.
    case zstd = 1
  }

  public var packing: Packing
  /// Position in the file.
  public var offset: Int
  public var storedByteCount: Int
  public var byteCount: Int
  public var blocks: Range<Int>

  package init(packing: Packing, offset: Int, storedByteCount: Int, byteCount: Int, blocks: Range<Int>) {
    self.packing = packing
    self.offset = offset
    self.storedByteCount = storedByteCount
    self.byteCount = byteCount
    self.blocks = blocks
  }
}

/// The unit of packing and checksum: 256 KiB of a segment, its last block shorter.
public struct Block: Sendable, Equatable {
  public static let byteCount = 256 << 10

  public var storedByteCount: Int
  /// False for a block of a packed segment that compression would have made larger.
  public var isCompressed: Bool
  /// CRC-32C of the stored bytes.
  public var checksum: UInt32
  /// Position in the file.
  public var offset: Int

  package init(storedByteCount: Int, isCompressed: Bool, checksum: UInt32, offset: Int) {
    self.storedByteCount = storedByteCount
    self.isCompressed = isCompressed
    self.checksum = checksum
    self.offset = offset
  }
}

/// The directory of a .jamba file: its tensors and documents, and where they are. Stored at its end; every number is checked before it is trusted.
public struct Directory: Sendable, Equatable {
  public var entries: [Entry] = []
  public var segments: [Segment] = []
  public var blocks: [Block] = []

  package init() {}

  /// Values of all tensors.
  public var parameterCount: Int { entries.reduce(0) { $0 + $1.elementCount } }

  /// Bits of a stored value, over the matrices, scales and padding included, before packing.
  public var bitsPerWeight: Double {
    let matrices = entries.filter(\.type.isMatrix)
    let values = matrices.reduce(0) { $0 + $1.elementCount }
    return 8 * Double(matrices.reduce(0) { $0 + $1.byteCount }) / Double(max(values, 1))
  }

  /// Bits of a value in the file, as packed, over all tensors.
  public var bitsOnDisk: Double {
    let indices = Set(entries.filter { $0.type != .document }.map(\.segment))
    let stored = indices.reduce(0) { $0 + segments[$1].storedByteCount }
    return 8 * Double(stored) / Double(max(parameterCount, 1))
  }

  /// Alignment of tensors in a segment, and of segments in the file.
  static let alignment = 64
  /// Segments of `largeSegment` bytes or more start on `largeAlignment`.
  static let largeSegment = 1 << 20
  static let largeAlignment = 64 << 10

  static let maximumNameLength = 1024
  static let maximumRank = 4

  static func alignment(ofSegmentWith byteCount: Int) -> Int { byteCount >= largeSegment ? largeAlignment : alignment }

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    for entry in entries {
      writer.write(entry.type.rawValue)
      writer.write(UInt8(entry.shape.count))
      writer.write(UInt16(entry.name.utf8.count))
      writer.write(UInt32(entry.segment))
      writer.write(UInt64(entry.offset))
      writer.write(UInt64(entry.byteCount))
      for extent in entry.shape { writer.write(UInt64(extent)) }
      writer.write(entry.name)
    }
    for segment in segments {
      writer.write(UInt64(segment.offset))
      writer.write(UInt64(segment.storedByteCount))
      writer.write(UInt64(segment.byteCount))
      writer.write(UInt32(segment.blocks.lowerBound))
      writer.write(UInt32(segment.blocks.count))
      writer.write(UInt32(segment.packing.rawValue))
      writer.write(UInt32(0))
    }
    for block in blocks {
      writer.write(UInt64(block.offset))
      writer.write(UInt32(block.storedByteCount))
      writer.write(UInt32(block.isCompressed ? 1 : 0))
      writer.write(block.checksum)
    }
    return writer.bytes
  }
}
