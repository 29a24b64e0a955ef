import JambaFormat
import TestSupport
import Testing

/// CRC-32C against its definition, a bit at a time.
@Suite struct ChecksumTests {
  func reference(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
    return ~crc
  }

  @Test func isTheOneOfTheStandard() {
    #expect(checksum(of: Array("123456789".utf8)) == 0xE306_9283)
    #expect(checksum(of: [UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)  // RFC 3720, B.4
    #expect(checksum(of: []) == 0)
  }

  /// Sizes around those where the way of computing changes, at addresses of every alignment.
  @Test func everySizeAndAlignment() {
    var random = FixedGenerator(state: 5)
    let bytes = (0..<60_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    for size in Array(0...40) + Array(120...270) + [12_287, 12_288, 12_289, 24_575, 24_576, 40_000, 59_990] {
      for start in 0..<8 {
        let part = bytes[start..<start + size]
        #expect(part.withUnsafeBytes { checksum(of: $0) } == reference(part), "\(size) bytes from \(start)")
      }
    }
  }
}
