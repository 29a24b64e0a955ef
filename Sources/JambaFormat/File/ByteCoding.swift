/// Appends little-endian integers to a byte array.
package struct ByteWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func write(_ value: some FixedWidthInteger) {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
  }

  package mutating func write(_ text: String) { bytes += Array(text.utf8) }

  mutating func pad(to multiple: Int) {
    while bytes.count % multiple != 0 { bytes.append(0) }
  }
}

/// Reads little-endian integers from bytes that may end anywhere: every read is checked.
package struct ByteReader {
  let bytes: ArraySlice<UInt8>
  private var position: Int

  package init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  package var remaining: Int { bytes.endIndex - position }

  /// nil when fewer bytes are left than the integer has.
  package mutating func read<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T? {
    guard remaining >= MemoryLayout<T>.size else { return nil }
    var value: T = 0
    for i in (0..<MemoryLayout<T>.size).reversed() { value = value << 8 | T(truncatingIfNeeded: bytes[position + i]) }
    position += MemoryLayout<T>.size
    return value
  }

  /// A 64-bit value that fits a non-negative Int.
  package mutating func readSize() -> Int? {
    guard let value = read(UInt64.self) else { return nil }
    return Int(exactly: value)
  }

  /// `count` bytes as UTF-8; nil when they are missing or not UTF-8.
  package mutating func readText(_ count: Int) -> String? {
    guard count <= remaining else { return nil }
    defer { position += count }
    return String(validating: bytes[position..<position + count], as: UTF8.self)
  }
}
