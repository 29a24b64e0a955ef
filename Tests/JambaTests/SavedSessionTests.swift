import Foundation
import Jamba
import JambaFormat
import TestSupport
import Testing

/// No file, however damaged, restores to anything but an error.
@Suite struct SavedSessionTests {
  let folder: TemporaryFolder
  let model: JambaModel
  let file: String

  init() throws {
    folder = try TemporaryFolder()
    let path = folder.file("model.jamba")
    try SyntheticModels.write(to: path, hidden: 32, intermediate: 32, experts: 1)
    model = try JambaModel.open(path, options: ModelOptions(threads: 1))
    file = folder.file("session")
    let session = try model.makeSession(options: SessionOptions(chunk: 16, window: 40, sinks: 2))
    _ = try session.append((0..<100).map { Int32($0) })
    try session.save(to: file, note: Array("a note".utf8))
  }

  /// What restoring fails with.
  func failure(_ bytes: [UInt8]) throws -> JambaError? {
    let path = folder.file("damaged")
    try write(bytes, to: path)
    do {
      _ = try model.makeSession(restoring: path)
      return nil
    } catch { return error }
  }

  static func isDamage(_ error: JambaError?) -> Bool {
    switch error {
    case .format(.damagedSession), .format(.notSession): true
    default: false
    }
  }

  @Test func everyTruncationIsFound() throws {
    let whole = try bytes(of: file)
    for count in Array(0..<300) + stride(from: 300, to: whole.count, by: 997) + [whole.count - 1] {
      #expect(SavedSessionTests.isDamage(try failure(Array(whole[..<count]))), "\(count) bytes")
    }
    #expect(SavedSessionTests.isDamage(try failure(whole + [0])))
    #expect(try failure(whole) == nil)
  }

  @Test func everyFlippedBitIsFound() throws {
    let whole = try bytes(of: file)
    for index in Array(0..<220) + stride(from: 220, to: whole.count, by: 311) {
      var damaged = whole
      damaged[index] ^= 1 << (index % 8)
      #expect(SavedSessionTests.isDamage(try failure(damaged)), "byte \(index)")
    }
  }

  /// Fields that make no sense, with a checksum that is right.
  @Test func absurdFieldsAreRefused() throws {
    let whole = try bytes(of: file)
    let descriptionSize = Int(whole[32]) | Int(whole[33]) << 8
    let blockCount = Int(whole[36])
    let headerSize = 40 + descriptionSize + 8 * blockCount
    var refused = 0
    // Every field from the size of the file on, 32 bits at a time.
    for offset in stride(from: 16, to: headerSize, by: 4) {
      for value: UInt32 in [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] {
        var damaged = whole
        for byte in 0..<4 { damaged[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(byte))) }
        guard damaged != whole else { continue }
        for byte in 12..<16 { damaged[byte] = 0 }
        let sum = checksum(of: Array(damaged[..<headerSize]))
        for byte in 0..<4 { damaged[12 + byte] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(byte))) }
        switch try failure(damaged) {
        case nil: continue  // how a generation goes on, or another window with as many pages: sound as it stands
        case .format(.damagedSession), .foreignSession: refused += 1
        case let error?: Issue.record("\(error) for \(value) at \(offset)")
        }
      }
    }
    #expect(refused > 100)
  }

  /// So long a note is kept, and one that is longer is not.
  @Test func notesHaveALimit() throws {
    let path = folder.file("with a note")
    let note = [UInt8](repeating: 7, count: 64 << 20)
    let session = try model.makeSession()
    try session.save(to: path, note: note)
    #expect(try model.makeSession(restoring: path).note == note)
    #expect(throws: JambaError.self) { try session.save(to: path, note: note + [7]) }
    #expect(try model.makeSession(restoring: path).note.count == note.count)
  }

  /// A description of 64 KiB is looked at, a longer one is not.
  @Test func descriptionsHaveALimit() throws {
    for (count, isRead) in [(1 << 16, true), (1 << 16 + 1, false)] {
      var long = try bytes(of: file) + [UInt8](repeating: 0, count: 1 << 17)
      for byte in 0..<8 { long[16 + byte] = UInt8(truncatingIfNeeded: long.count >> (8 * byte)) }
      for byte in 0..<4 { long[32 + byte] = UInt8(truncatingIfNeeded: count >> (8 * byte)) }
      let error = try failure(long)
      // What is looked at has not got the checksum that the header names.
      #expect("\(error.map { "\($0)" } ?? "")".contains("checksum") == isRead, "\(String(describing: error))")
    }
  }

  @Test func anotherModelsSessionIsRefused() throws {
    let path = folder.file("other.jamba")
    try SyntheticModels.write(to: path, hidden: 32, intermediate: 64, experts: 1)
    let other = try JambaModel.open(path, options: ModelOptions(threads: 1))
    #expect {
      _ = try other.makeSession(restoring: file)
    } throws: { error in
      guard case JambaError.foreignSession = error else { return false }
      return "\(error)".contains("another model")
    }
    #expect(throws: JambaError.self) { _ = try model.makeSession(restoring: path) }
    #expect(throws: JambaError.self) { _ = try model.makeSession(restoring: folder.path) }
    #expect(throws: JambaError.self) { _ = try model.makeSession(restoring: folder.file("none")) }
    #expect(throws: JambaError.self) { try model.makeSession().save(to: folder.path) }
  }

  @Test func anEmptySessionIsOneToo() throws {
    let path = folder.file("empty")
    try model.makeSession().save(to: path)
    let (restored, note) = try model.makeSession(restoring: path)
    #expect(restored.tokenCount == 0 && note.isEmpty)
    #expect(try restored.append([1, 2]) == model.makeSession().append([1, 2]))
  }
}
