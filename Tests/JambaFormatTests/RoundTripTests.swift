import JambaFormat
import JambaSystem
import TestSupport
import Testing

@Suite struct RoundTripTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// Bytes that zstd can shrink, or cannot.
  static func content(_ count: Int, compressible: Bool) -> [UInt8] {
    var generator = FixedGenerator(state: UInt64(count))
    return (0..<count).map { compressible ? UInt8($0 / 100 & 15) : UInt8.random(in: 0...255, using: &generator) }
  }

  static let sizes = [1, 64, 4096, 262_143, 262_144, 262_145, 1 << 20, 5_000_000]

  @Test(arguments: sizes, [JambaFileWriter.Packing.raw, .zstd, .automatic])
  func contentComesBack(size: Int, packing: JambaFileWriter.Packing) throws {
    for compressible in [true, false] {
      let path = folder.file("\(size)-\(packing)-\(compressible).jamba")
      let content = RoundTripTests.content(size, compressible: compressible)
      let writer = try JambaFileWriter(path: path, parallel: serially)
      try writer.addDocuments([("a.json", [1, 2, 3]), ("b", content)], packing: packing)
      writer.beginSegment(byteCount: size, packing: packing)
      try writer.append(content)
      try writer.endSegment(entries: [("content", .document, [size], 0)])
      try writer.finish()

      let file = try JambaFile(path: path)
      #expect(try file.document("a.json") == [1, 2, 3])
      #expect(try file.document("b") == content)
      #expect(try file.document("content") == content)
      #expect(try file.document("absent") == nil)
      try expectSegmentsRead(file)
      let last = try #require(file.directory.segments.last)
      // A single byte cannot shrink.
      if packing == .automatic { #expect((last.packing == .zstd) == (compressible && size >= 64)) }
      if packing == .raw { #expect(last.packing == .raw) }
      #expect(last.offset % (size >= 1 << 20 ? 65536 : 64) == 0)
    }
  }

  /// Direct access, whatever the file system makes of it, reads the same as the page cache.
  private func expectSegmentsRead(_ file: JambaFile) throws {
    for segment in file.directory.segments {
      for start in stride(from: segment.blocks.lowerBound, to: segment.blocks.upperBound, by: 3) {
        let blocks = start..<min(start + 3, segment.blocks.upperBound)
        let count =
          file.decodedRange(ofBlock: blocks.upperBound - 1, in: segment).upperBound
          - file.decodedRange(ofBlock: start, in: segment).lowerBound
        let copies = try FileAccess.allCases.map { access in
          let buffer = try AlignedBuffer(byteCount: count)
          try BlockReader(file, access: access).read(blocks, of: segment, into: buffer.bytes)
          return Array(buffer.bytes)
        }
        #expect(copies[0] == copies[1])
      }
    }
  }

  @Test func appendingInPiecesIsTheSame() throws {
    let content = RoundTripTests.content(700_000, compressible: true)
    var files: [[UInt8]] = []
    for piece in [1000, 65536, 700_000] {
      let path = folder.file("\(piece).jamba")
      let writer = try JambaFileWriter(path: path, parallel: serially)
      writer.beginSegment(byteCount: content.count, packing: .zstd)
      for start in stride(from: 0, to: content.count, by: piece) {
        try writer.append(Array(content[start..<min(start + piece, content.count)]))
      }
      try writer.endSegment(entries: [("x", .document, [content.count], 0)])
      try writer.finish()
      files.append(try bytes(of: path))
    }
    #expect(files[0] == files[1])
    #expect(files[0] == files[2])
  }

  @Test func anUnfinishedFileLeavesNothing() throws {
    let path = folder.file("never.jamba")
    do {
      let writer = try JambaFileWriter(path: path, parallel: serially)
      try writer.addDocuments([("a", [1])], packing: .raw)
    }
    #expect(throws: FormatError.self) { try JambaFile(path: path) }
    #expect(!FileSystem.exists(path + ".partial"))
  }

  @Test func anOldFileStaysUntilTheNewOneIsComplete() throws {
    let path = folder.file("model.jamba")
    let first = try JambaFileWriter(path: path, parallel: serially)
    try first.addDocuments([("version", [1])], packing: .raw)
    try first.finish()
    let second = try JambaFileWriter(path: path, parallel: serially)
    try second.addDocuments([("version", [2])], packing: .raw)
    #expect(try JambaFile(path: path).document("version") == [1])
    try second.finish()
    #expect(try JambaFile(path: path).document("version") == [2])
  }

  /// Only files that need a newer version say so: others stay readable by programs that know none.
  @Test(arguments: StorageType.allCases.filter(\.isMatrix)) func aFileSaysTheVersionThatItNeeds(type: StorageType) throws {
    let path = folder.file("\(type).jamba")
    let byteCount = try #require(type.byteCount(shape: [8, 32]))
    let writer = try JambaFileWriter(path: path, parallel: serially)
    writer.beginSegment(byteCount: byteCount, packing: .raw)
    try writer.append([UInt8](repeating: 0, count: byteCount))
    try writer.endSegment(entries: [("w", type, [8, 32], 0)])
    try writer.finish()
    #expect(try JambaFile(path: path).directory.entries.map(\.type) == [type])
    let version = try FileSystem.contents(of: path, limit: 1 << 20)[8]
    #expect(version == ([.int3, .int2].contains(type) ? 3 : 1))
  }

  @Test func aConversionContinuesWhereItStopped() throws {
    let whole = folder.file("whole.jamba")
    let resumed = folder.file("resumed.jamba")
    func segments(_ writer: JambaFileWriter, _ range: Range<Int>) throws {
      for index in range {
        let content = RoundTripTests.content(300_000 + index, compressible: index % 2 == 0)
        writer.beginSegment(byteCount: content.count, packing: .automatic)
        try writer.append(content)
        try writer.endSegment(entries: [("part\(index)", .document, [content.count], 0)])
      }
    }
    let writer = try JambaFileWriter(path: whole, parallel: serially)
    try segments(writer, 0..<4)
    try writer.finish()

    do {
      let interrupted = try JambaFileWriter(path: resumed, identity: "same", parallel: serially)
      try segments(interrupted, 0..<2)
      interrupted.beginSegment(byteCount: 10_000_000, packing: .raw)
      try interrupted.append([UInt8](repeating: 7, count: 9_000_000))  // lost in the middle of a segment
    }
    #expect(throws: FormatError.self) {
      _ = try JambaFileWriter(path: resumed, identity: "another", parallel: serially)
    }
    let continued = try JambaFileWriter(path: resumed, identity: "same", parallel: serially)
    #expect(continued.contains("part1"))
    #expect(!continued.contains("part2"))
    try segments(continued, 2..<4)
    try continued.finish()
    #expect(try bytes(of: resumed) == bytes(of: whole))
    #expect(!FileSystem.exists(resumed + ".partial.journal"))
  }
}
