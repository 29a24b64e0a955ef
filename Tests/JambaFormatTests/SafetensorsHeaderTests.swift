import JambaFormat
import Testing

@Suite struct SafetensorsHeaderTests {
  /// What `serialize` of the Python package safetensors 0.6.2 puts behind the length for these tensors, in its own order.
  static let reference =
    #"{"a\"b":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"é":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"U8","shape":[3],"data_offsets":[26,29]}}      "#

  @Test func writesWhatTheReferenceWrites() throws {
    var header = SafetensorsHeader()
    header.add("a\"b", type: "F32", shape: [2, 3])
    header.add("é", type: "BF16", shape: [])
    header.add("c", type: "U8", shape: [3])
    let text = Array(SafetensorsHeaderTests.reference.utf8)
    #expect(header.contentByteCount == 29)
    #expect(Array(header.encoded.dropFirst(8)) == text)
    #expect(header.encoded.prefix(8).elementsEqual([0xB0, 0, 0, 0, 0, 0, 0, 0]))
    #expect(try SafetensorsHeader(text, contentByteCount: 29).tensors == header.tensors)
    #expect(SafetensorsHeader.byteCount(header.encoded, fileByteCount: header.encoded.count) == text.count)
  }

  @Test func aHeaderLongerThanItsFileHasNoLength() {
    #expect(SafetensorsHeader.byteCount([9, 0, 0, 0, 0, 0, 0, 0], fileByteCount: 16) == nil)
    #expect(SafetensorsHeader.byteCount([8, 0, 0, 0, 0, 0, 0, 0], fileByteCount: 16) == 8)
    #expect(SafetensorsHeader.byteCount([UInt8](repeating: 255, count: 8), fileByteCount: .max) == nil)
    func taken(_ count: Int) -> Int? {
      let length = (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
      return SafetensorsHeader.byteCount(length, fileByteCount: .max)
    }
    #expect(taken(100_000_000) == 100_000_000)
    #expect(taken(100_000_001) == nil)
  }
}
