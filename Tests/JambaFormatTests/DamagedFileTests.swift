import JambaFormat
import TestSupport
import Testing

/// Files that lie. Every one must be refused with an error: no crash, no hang, no memory in proportion to the lie.
@Suite struct DamagedFileTests {
  let folder: TemporaryFolder
  /// Two documents, a raw matrix and a packed one.
  let sound: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    let path = folder.file("sound.jamba")
    let writer = try JambaFileWriter(path: path, parallel: serially)
    try writer.addDocuments([("config.json", Array("{}".utf8)), ("tokenizer.json", Array("[]".utf8))], packing: .raw)
    let strip = StorageType.int4.stripByteCount(columns: 64)!
    for (name, packing) in [("raw", JambaFileWriter.Packing.raw), ("packed", .zstd)] {
      writer.beginSegment(byteCount: strip * 1000, packing: packing)
      try writer.append([UInt8](repeating: 3, count: strip * 1000))
      try writer.endSegment(entries: [(name, .int4, [7999, 64], 0)])
    }
    try writer.finish()
    sound = try bytes(of: path)
  }

  // The layout, written down a second time: where the header keeps what.
  static let headerChecksum = 12
  static let fileSize = 16
  static let directoryOffset = 24
  static let directorySize = 32
  static let directoryChecksum = 40
  static let entryCount = 44
  static let segmentCount = 48
  static let blockCount = 52

  static func put<T: FixedWidthInteger>(_ value: T, at offset: Int, in file: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { for (i, byte) in $0.enumerated() { file[offset + i] = byte } }
  }

  static func get<T: FixedWidthInteger>(_ type: T.Type, at offset: Int, in file: [UInt8]) -> T {
    (0..<MemoryLayout<T>.size).reduce(0) { $0 | T(truncatingIfNeeded: file[offset + $1]) << (8 * $1) }
  }

  /// Makes the checksums of a forged file right, so that the checks behind them are reached.
  static func sign(_ file: inout [UInt8]) {
    if let directory = Int(exactly: get(UInt64.self, at: directoryOffset, in: file)), directory <= file.count { put(checksum(of: Array(file[directory...])), at: directoryChecksum, in: &file) }
    put(UInt32(0), at: headerChecksum, in: &file)
    put(checksum(of: Array(file[..<64])), at: headerChecksum, in: &file)
  }

  /// Opens a file and reads all of it.
  func readAll(_ file: [UInt8]) throws {
    let path = folder.file("forged.jamba")
    try write(file, to: path)
    let opened = try JambaFile(path: path)
    for entry in opened.directory.entries { _ = try opened.contents(of: entry) }
  }

  @Test func theSoundFileIsReadable() throws {
    try readAll(sound)
    var signed = sound
    DamagedFileTests.sign(&signed)
    #expect(signed == sound)
  }

  @Test func everyTruncationIsRefused() throws {
    for length in Array(0..<200) + Array(stride(from: 200, to: sound.count, by: 997)) + [sound.count - 1] {
      #expect(throws: FormatError.self, "cut to \(length) bytes") { try readAll(Array(sound[..<length])) }
    }
  }

  @Test func everyFlippedBitInHeaderAndDirectoryIsRefused() throws {
    let directory = Int(DamagedFileTests.get(UInt64.self, at: DamagedFileTests.directoryOffset, in: sound))
    for offset in Array(0..<64) + Array(directory..<sound.count) {
      var file = sound
      file[offset] ^= 1 << (offset % 8)
      #expect(throws: FormatError.self, "bit of byte \(offset)") { try readAll(file) }
    }
  }

  @Test func flippedBitsInContentAreRefused() throws {
    let path = folder.file("sound2.jamba")
    try write(sound, to: path)
    for block in try JambaFile(path: path).directory.blocks {
      var file = sound
      file[block.offset + block.storedByteCount / 2] ^= 0x10
      #expect(throws: FormatError.self) { try readAll(file) }
    }
  }

  /// So much is read, and one more is not.
  @Test func namesAndShapesHaveLimits() throws {
    func file(name: Int, rank: Int) throws -> String {
      let path = folder.file("large.jamba")
      let writer = try JambaFileWriter(path: path, parallel: serially)
      writer.beginSegment(byteCount: 64, packing: .raw)
      try writer.append([UInt8](repeating: 0, count: 64))
      let shape = [Int](repeating: 1, count: rank - 1) + [16]
      try writer.endSegment(entries: [(String(repeating: "n", count: name), .vector, shape, 0)])
      try writer.finish()
      return path
    }
    for (name, rank, isRead) in [(1024, 4, true), (1025, 4, false), (1024, 5, false), (1, 1, true)] {
      let path = try file(name: name, rank: rank)
      #expect(((try? JambaFile(path: path)) != nil) == isRead, "\(name), \(rank)")
    }
  }

  /// With checksums made right again, each number of the header and the directory replaced by absurd ones.
  @Test func forgedNumbersAreRefusedOrHarmless() throws {
    let absurd: [UInt64] = [0, 1, 63, 65, 1 << 31, 1 << 32, 1 << 60, 1 << 63, .max, .max - 63]
    let directory = Int(DamagedFileTests.get(UInt64.self, at: DamagedFileTests.directoryOffset, in: sound))
    var refused = 0
    var tried = 0
    for offset in Array(stride(from: 16, to: 64, by: 4)) + Array(directory..<sound.count - 8) {
      for value in absurd {
        var file = sound
        DamagedFileTests.put(value, at: offset, in: &file)
        guard file != sound else { continue }
        DamagedFileTests.sign(&file)
        tried += 1
        do { try readAll(file) } catch is FormatError { refused += 1 }
      }
    }
    // Some lands in a name or a document's length and still makes sense; nearly all must not.
    #expect(refused > tried * 9 / 10)
  }

  @Test func randomForgeriesNeverCrash() throws {
    var generator = FixedGenerator(state: 42)
    let directory = Int(DamagedFileTests.get(UInt64.self, at: DamagedFileTests.directoryOffset, in: sound))
    for _ in 0..<3000 {
      var file = sound
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let inHeader = Int.random(in: 0..<4, using: &generator) == 0
        let offset = inHeader
          ? Int.random(in: 16..<64, using: &generator) : Int.random(in: directory..<sound.count, using: &generator)
        file[offset] = UInt8.random(in: 0...255, using: &generator)
      }
      DamagedFileTests.sign(&file)
      do { try readAll(file) } catch is FormatError {}
    }
  }

  /// A packed block whose frame says that it decodes to more than its place in the segment.
  @Test func aBombIsNotUnpacked() throws {
    let path = folder.file("bomb.jamba")
    try write(sound, to: path)
    let opened = try JambaFile(path: path)
    let packed = try #require(opened.directory.segments.last)
    // Put the first (full) block's frame in place of the last (shorter) one's.
    let first = opened.directory.blocks[packed.blocks.lowerBound]
    let last = opened.directory.blocks[packed.blocks.upperBound - 1]
    guard first.storedByteCount <= last.storedByteCount else { return }
    var file = sound
    for i in 0..<first.storedByteCount { file[last.offset + i] = sound[first.offset + i] }
    #expect(throws: FormatError.self) { try readAll(file) }
  }

  @Test func otherFilesAreNotJambaFiles() throws {
    for content in [[], Array("GGUF".utf8), [UInt8](repeating: 0, count: 100), Array("{\"a\": 1}".utf8)] {
      let path = folder.file("other")
      try write(content, to: path)
      #expect(throws: FormatError.notJamba(path: path)) { try JambaFile(path: path) }
    }
    #expect(throws: FormatError.self) { try JambaFile(path: folder.path) }
    #expect(throws: FormatError.self) { try JambaFile(path: folder.file("absent")) }
    #expect(throws: FormatError.self) { try JambaFile(path: "a\0b") }
  }

  /// The second version's scales of int3 and int2 were others.
  @Test(arguments: [2, 4] as [UInt32]) func aVersionThatIsNotReadIsNamed(version: UInt32) throws {
    var file = sound
    DamagedFileTests.put(version, at: 8, in: &file)
    let path = folder.file("other.jamba")
    try write(file, to: path)
    #expect(throws: FormatError.unsupportedVersion(path: path, version: version)) { try JambaFile(path: path) }
  }
}
