import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// GGUF files that are not what they say, or not what is read: one sentence each, no crash, no file left behind.
@Suite struct GGUFDamageTests {
  let folder: TemporaryFolder
  let sound: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    sound = try bytes(of: Fixtures.gguf("odd-F16.gguf"))
  }

  func message(_ file: [UInt8], name: String = "m.gguf") throws -> String {
    try write(file, to: folder.file(name))
    return try message(ofPath: folder.file(name))
  }

  func message(ofPath path: String) throws -> String {
    let output = folder.file("out.jamba")
    let error = #expect(throws: ConversionError.self) {
      try JambaConvert.convert(
        checkpoint: path, to: output, options: ConversionOptions(), tool: "test", progress: { _, _ in true })
    }
    #expect(!FileSystem.exists(output) && !FileSystem.exists(output + ".partial"))
    return try #require(error).description
  }

  /// Where a text with its length before it ends.
  func end(of text: String, in file: [UInt8]) throws -> Int {
    let wanted = withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Array($0) } + Array(text.utf8)
    let start = try #require(
      (0..<file.count - wanted.count).first { file[$0..<$0 + wanted.count].elementsEqual(wanted) })
    return start + wanted.count
  }

  func number(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

  func replacing(_ range: Range<Int>, with bytes: [UInt8]) -> [UInt8] {
    var file = sound
    file.replaceSubrange(range, with: bytes)
    return file
  }

  @Test func otherVersions() throws {
    #expect(try message(replacing(4..<8, with: number(UInt32(1)))).contains("version 1;"))
    #expect(try message(replacing(4..<8, with: number(UInt32(4)))).contains("version 4;"))
    #expect(try message(replacing(4..<8, with: number(UInt32(3).byteSwapped))).contains("big-endian"))
    // The second version has the third's layout.
    try write(replacing(4..<8, with: number(UInt32(2))), to: folder.file("two.gguf"))
    #expect(
      try openCheckpoint(folder.file("two.gguf")).tensors.count
        == openCheckpoint(Fixtures.gguf("odd-F16.gguf")).tensors.count)
    #expect(try message(Array("GGUG".utf8) + sound[4...]).contains("nor a GGUF file"))
    #expect(try message([]).contains("nor a GGUF file"))
  }

  @Test func otherModels() throws {
    let value = try end(of: "general.architecture", in: sound) + 12
    #expect(try message(replacing(value..<value + 5, with: Array("llama".utf8))).contains("llama model"))
    #expect(try message(ofPath: Fixtures.gguf("types.gguf")).contains("test model"))
  }

  /// Each key that a model needs, under another name.
  @Test(arguments: [
    "general.architecture", "jamba.block_count", "jamba.embedding_length", "jamba.feed_forward_length",
    "jamba.attention.head_count", "jamba.attention.head_count_kv", "jamba.attention.layer_norm_rms_epsilon",
    "jamba.ssm.conv_kernel", "jamba.ssm.inner_size", "jamba.ssm.state_size", "jamba.ssm.time_step_rank",
    "jamba.expert_used_count",
  ])
  func missingKeys(key: String) throws {
    let end = try end(of: key, in: sound)
    #expect(try message(replacing(end - 1..<end, with: [UInt8(ascii: "_")])).contains(key))
  }

  @Test(arguments: [
    ("jamba.block_count", 0), ("jamba.block_count", 1 << 31), ("jamba.embedding_length", 0),
    ("jamba.ssm.inner_size", 107),
    ("jamba.attention.head_count", 0), ("jamba.expert_count", 4096), ("jamba.expert_used_count", 6),
    ("jamba.ssm.state_size", 1 << 20),
  ])
  func absurdKeys(key: String, value: Int) throws {
    let end = try end(of: key, in: sound)
    #expect(try message(replacing(end + 4..<end + 8, with: number(UInt32(value)))).contains(key))
  }

  @Test func layersWithoutAPeriod() throws {
    // Element type and count, then five numbers, of which the second and the fifth are not 0.
    let heads = try end(of: "jamba.attention.head_count_kv", in: sound) + 16
    #expect(
      try message(replacing(heads + 8..<heads + 12, with: number(Int32(3)))).contains(
        "1, 2, 4, are at no equal distances"))
    #expect(try message(replacing(heads + 4..<heads + 8, with: number(Int32(1)))).contains("different numbers"))
    #expect(try message(replacing(heads + 4..<heads + 8, with: number(Int32(-1)))).contains("head_count_kv"))
    #expect(try message(replacing(heads - 8..<heads, with: number(UInt64(4)))).contains("damaged"))
  }

  @Test(arguments: [(9, "Q8_1"), (15, "Q8_K"), (28, "F64"), (26, "I32"), (4, "Q4_2"), (77, "number 77")])
  func typesThatAreNotRead(number type: Int, name: String) throws {
    let end = try end(of: "blk.0.ffn_down.weight", in: sound)
    let message = try message(replacing(end + 20..<end + 24, with: number(UInt32(type))))
    #expect(message.contains("blk.0.ffn_down.weight has type \(name), which is not read"))
  }

  @Test func tensorsThatAreNotWhereTheySay() throws {
    let end = try end(of: "blk.0.ffn_down.weight", in: sound)
    let offset = end + 24
    #expect(try message(replacing(offset..<offset + 8, with: number(UInt64.max))).contains("blk.0.ffn_down.weight"))
    #expect(try message(replacing(offset..<offset + 8, with: number(UInt64(1) << 40))).contains("ends before"))
    #expect(try message(replacing(offset..<offset + 8, with: number(UInt64(33)))).contains("aligned"))
    #expect(try message(replacing(offset..<offset + 8, with: number(UInt64(0)))).contains("another tensor's"))
    for extent in [0, UInt64.max, 1 << 62] {
      #expect(try message(replacing(end + 4..<end + 12, with: number(extent))).contains("makes no sense"))
    }
    #expect(try message(replacing(end..<end + 4, with: number(UInt32(5)))).contains("5 dimensions"))
    // A width that no block of the type has.
    #expect(try message(replacing(end + 20..<end + 24, with: number(UInt32(12)))).contains("wide"))
    let name = try self.end(of: "blk.0.ffn_gate.weight", in: sound)
    func renamed(_ text: String) -> [UInt8] { replacing(name - text.utf8.count..<name, with: Array(text.utf8)) }
    #expect(try message(renamed("blk.0.ffn_down.weight")).contains("there twice"))
    #expect(try message(renamed("blk.0.ffn_gatX.weight")).contains("blk.0.ffn_gatX.weight is not part of the model"))
  }

  /// So many have room in the file, and are too many all the same.
  @Test func countsBeyondTheLimits() throws {
    let room = [UInt8](repeating: 0, count: 20 << 20)
    // Of tensors, of keys, and of bytes in the first key's name.
    for (place, limit, noun) in [(8, 262_144, "tensors"), (16, 65_536, "keys"), (24, 16 << 20, "bytes in a key")] {
      func found(_ count: Int) throws -> String {
        try message(replacing(place..<place + 8, with: number(UInt64(count))) + room)
      }
      #expect(try found(limit + 1).contains("\(limit + 1) \(noun), more than \(limit)"))
      #expect(try !found(limit).contains("more than \(limit)"))
    }
  }

  @Test func countsBeyondTheFile() throws {
    for count in [UInt64.max, 1 << 60, 1 << 17] {
      #expect(try message(replacing(8..<16, with: number(count))).contains("damaged"))
      #expect(try message(replacing(16..<24, with: number(count))).contains("damaged"))
      #expect(try message(replacing(24..<32, with: number(count))).contains("damaged"))
    }
    for length in [0, 4, 8, 23, 24, 100, 1000, 5000, sound.count - 40] {
      #expect(try !message(Array(sound[..<length])).isEmpty)
    }
  }

  @Test func partsThatDoNotFit() throws {
    func part(_ number: Int) -> String { "moe-F32-0000\(number)-of-00003.gguf" }
    for number in 1...2 { try write(bytes(of: Fixtures.gguf(part(number))), to: folder.file(part(number))) }
    #expect(try message(ofPath: folder.file(part(1))).contains("\(part(3)) is missing"))
    #expect(try message(ofPath: Fixtures.gguf(part(2))).contains("not the first part"))
    try write(bytes(of: Fixtures.gguf(part(2))), to: folder.file(part(3)))
    #expect(try message(ofPath: folder.file(part(1))).contains("not part 3 of 3"))
    try write(bytes(of: Fixtures.gguf(part(1))), to: folder.file("renamed.gguf"))
    #expect(try message(ofPath: folder.file("renamed.gguf")).contains("-00001-of-00003.gguf"))
    try write(bytes(of: Fixtures.gguf(part(3))), to: folder.file(part(3)))
    #expect(try openCheckpoint(folder.file(part(1))).tensors.count > 100)
  }

  /// Files with bits turned, bytes drawn anew, numbers made large, and ends cut off.
  @Test func mutations() throws {
    var generator = FixedGenerator(state: 7)
    let path = folder.file("mutated.gguf")
    try write(sound, to: path)
    // Keys and tensor table; the rest is numbers, and stays.
    let header = try #require(GGUFFile(path: path).tensors.map(\.range.lowerBound).min())
    let file = try FileDescriptor.open(updating: path)
    var refused = 0
    for round in 0..<3000 {
      var bytes = Array(sound[..<header])
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 4..<header - 8, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 2: bytes[place] = 0
        default:
          let large = [UInt64.max, 1 << 63, 1 << 40, 1 << 32, 1 << 24, 0].randomElement(using: &generator)!
          bytes.replaceSubrange(place..<place + 8, with: number(large))
        }
      }
      try file.write(bytes, at: 0)
      let isCut = round % 20 == 0
      if isCut { try file.truncate(to: Int.random(in: 4..<sound.count, using: &generator)) }
      do {
        let checkpoint = try openCheckpoint(path)
        for tensor in checkpoint.tensors.prefix(4) where tensor.fault == nil {
          var values = [Float](repeating: 0, count: tensor.columns)
          try values.withUnsafeMutableBufferPointer { try checkpoint.read(0..<1, of: tensor, into: $0) }
        }
        if round % 16 == 0 { _ = try convert(checkpoint) }
      } catch let error as ConversionError {
        #expect(!error.description.isEmpty)
        refused += 1
      }
      if isCut { try file.write(sound, at: 0) }
    }
    #expect(refused > 1000)
  }

  private func convert(_ checkpoint: any Checkpoint) throws -> Int {
    let output = folder.file("out.jamba")
    defer { FileSystem.remove(output) }
    return try JambaConvert.convert(
      checkpoint, to: output, options: ConversionOptions(recipe: .uniform(.bf16), packing: .raw), tool: "test",
      progress: { _, _ in true }
    ).fileByteCount
  }
}
