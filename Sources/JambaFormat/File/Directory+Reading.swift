import JambaSystem

extension Directory {
  /// Reads a directory and checks all of it: afterwards every entry lies inside its segment, every segment inside
  /// `contents` (the bytes between header and directory), and none overlaps another.
  init(
    _ bytes: ArraySlice<UInt8>, entryCount: UInt32, segmentCount: UInt32, blockCount: UInt32, contents: Range<Int>,
    path: String
  ) throws(FormatError) {
    func damaged(_ reason: String) -> FormatError { .damaged(path: path, reason: reason) }
    // The smallest records, so that a count cannot ask for more memory than the file is long.
    guard bytes.count >= 24 * Int(entryCount) + 40 * Int(segmentCount) + 20 * Int(blockCount) else {
      throw damaged("the directory is too short for its counts")
    }
    var reader = ByteReader(bytes)
    for index in 0..<entryCount {
      guard let entry = Directory.entry(from: &reader) else { throw damaged("directory entry \(index) makes no sense") }
      entries.append(entry)
    }
    for index in 0..<segmentCount {
      guard let segment = Directory.segment(from: &reader) else { throw damaged("segment \(index) makes no sense") }
      segments.append(segment)
    }
    for index in 0..<blockCount {
      guard let block = Directory.block(from: &reader) else { throw damaged("block \(index) makes no sense") }
      blocks.append(block)
    }
    guard reader.remaining == 0 else { throw damaged("the directory is longer than its counts") }
    if let reason = segmentFault(contents: contents) ?? entryFault() { throw damaged(reason) }
  }

  private static func entry(from reader: inout ByteReader) -> Entry? {
    guard let rawType = reader.read(UInt8.self), let type = StorageType(rawValue: rawType),
      let rank = reader.read(UInt8.self), 1...maximumRank ~= Int(rank),
      let nameLength = reader.read(UInt16.self), 1...maximumNameLength ~= Int(nameLength),
      let segment = reader.read(UInt32.self), let offset = reader.readSize(), let byteCount = reader.readSize()
    else { return nil }
    var shape: [Int] = []
    for _ in 0..<rank {
      guard let extent = reader.readSize() else { return nil }
      shape.append(extent)
    }
    guard let name = reader.readText(Int(nameLength)), type.byteCount(shape: shape) == byteCount else { return nil }
    return Entry(
      name: name, type: type, shape: shape, segment: Int(segment), offset: offset, byteCount: byteCount)
  }

  private static func segment(from reader: inout ByteReader) -> Segment? {
    guard let offset = reader.readSize(), let stored = reader.readSize(), let byteCount = reader.readSize(),
      let firstBlock = reader.read(UInt32.self), let blockCount = reader.read(UInt32.self),
      let packing = reader.read(UInt32.self).flatMap({ UInt8(exactly: $0) }).flatMap(Segment.Packing.init),
      reader.read(UInt32.self) == 0
    else { return nil }
    let first = Int(firstBlock)
    return Segment(
      packing: packing, offset: offset, storedByteCount: stored, byteCount: byteCount,
      blocks: first..<first + Int(blockCount))
  }

  private static func block(from reader: inout ByteReader) -> Block? {
    guard let offset = reader.readSize(), let stored = reader.read(UInt32.self), let flags = reader.read(UInt32.self),
      flags <= 1, let checksum = reader.read(UInt32.self)
    else { return nil }
    return Block(storedByteCount: Int(stored), isCompressed: flags == 1, checksum: checksum, offset: offset)
  }

  /// The first fault of the segments and blocks; nil when they are sound.
  private func segmentFault(contents: Range<Int>) -> String? {
    var position = contents.lowerBound
    var nextBlock = 0
    for (index, segment) in segments.enumerated() {
      let what = "segment \(index)"
      guard segment.byteCount > 0, segment.storedByteCount > 0 else { return "\(what) is empty" }
      // Gaps are alignment only: no room for bytes that no checksum covers.
      guard segment.offset >= position, segment.offset - position < Directory.largeAlignment else {
        return "\(what) overlaps its neighbour or leaves a hole"
      }
      guard segment.offset <= contents.upperBound, segment.storedByteCount <= contents.upperBound - segment.offset else {
        return "\(what) reaches past the end"
      }
      guard segment.offset % Directory.alignment == 0 else { return "\(what) is not aligned" }
      guard segment.blocks.lowerBound == nextBlock, segment.blocks.upperBound <= blocks.count,
        segment.blocks.count == (segment.byteCount - 1) / Block.byteCount + 1
      else { return "\(what) has the wrong blocks" }
      if segment.packing == .raw && segment.storedByteCount != segment.byteCount { return "\(what) has two sizes" }
      var offset = segment.offset
      for blockIndex in segment.blocks {
        let block = blocks[blockIndex]
        let decoded = decodedByteCount(ofBlock: blockIndex, in: segment)
        let sizeFits =
          block.isCompressed
          ? segment.packing == .zstd && 0 < block.storedByteCount && block.storedByteCount < decoded
          : block.storedByteCount == decoded
        guard sizeFits, block.offset == offset else { return "block \(blockIndex) has the wrong size or place" }
        offset += block.storedByteCount
      }
      guard offset == segment.offset + segment.storedByteCount else { return "\(what) does not end with its last block" }
      nextBlock = segment.blocks.upperBound
      position = offset
    }
    guard nextBlock == blocks.count else { return "there are blocks of no segment" }
    guard contents.upperBound - position < Directory.largeAlignment else { return "there is a hole before the directory" }
    return nil
  }

  private func entryFault() -> String? {
    var names: Set<ExactString> = []
    for entry in entries {
      guard names.insert(ExactString(entry.name)).inserted else { return "\(entry.name) occurs twice" }
      guard entry.segment < segments.count, entry.offset % Directory.alignment == 0,
        entry.byteCount <= segments[entry.segment].byteCount,
        entry.offset <= segments[entry.segment].byteCount - entry.byteCount
      else { return "\(entry.name) lies outside its segment" }
    }
    let ordered = entries.sorted { ($0.segment, $0.offset) < ($1.segment, $1.offset) }
    for (a, b) in zip(ordered, ordered.dropFirst()) where a.segment == b.segment && a.offset + a.byteCount > b.offset {
      return "\(a.name) and \(b.name) overlap"
    }
    return nil
  }

  /// Bytes that a block decodes to.
  func decodedByteCount(ofBlock index: Int, in segment: Segment) -> Int {
    index == segment.blocks.upperBound - 1
      ? segment.byteCount - (segment.blocks.count - 1) * Block.byteCount : Block.byteCount
  }
}
