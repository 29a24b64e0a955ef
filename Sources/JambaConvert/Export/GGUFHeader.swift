import JambaSystem

/// The header of a GGUF file that is to be written: keys, and names, types, shapes and places of its tensors. `GGUFFile`
/// reads it.
struct GGUFHeader {
  struct Tensor {
    let name: String
    let type: GGUFType
    /// Extents, outermost first.
    let shape: [Int]
    /// Its bytes, from the end of the header on.
    let range: Range<Int>
  }

  private(set) var tensors: [Tensor] = []
  private var keys: [UInt8] = []
  private var keyCount = 0
  private var end = 0

  /// What tensors and the end of the header are aligned to.
  private static let alignment = 32
  private static let version: UInt32 = 3

  // MARK: - Keys

  mutating func add(_ key: String, _ text: String) {
    begin(key, type: 8)
    append(text)
  }

  mutating func add(_ key: String, _ number: Int) {
    begin(key, type: GGUFScalar.u32.rawValue)
    append(UInt32(number))
  }

  mutating func add(_ key: String, _ number: Float) {
    begin(key, type: GGUFScalar.f32.rawValue)
    append(number.bitPattern)
  }

  mutating func add(_ key: String, _ truth: Bool) {
    begin(key, type: GGUFScalar.bool.rawValue)
    keys.append(truth ? 1 : 0)
  }

  mutating func add(_ key: String, _ texts: [String]) {
    beginArray(key, type: 8, count: texts.count)
    for text in texts { append(text) }
  }

  mutating func add(_ key: String, _ numbers: [Int]) {
    beginArray(key, type: GGUFScalar.i32.rawValue, count: numbers.count)
    for number in numbers { append(UInt32(bitPattern: Int32(number))) }
  }

  mutating func add(_ key: String, _ numbers: [Float]) {
    beginArray(key, type: GGUFScalar.f32.rawValue, count: numbers.count)
    for number in numbers { append(number.bitPattern) }
  }

  private mutating func begin(_ key: String, type: UInt32) {
    append(key)
    append(type)
    keyCount += 1
  }

  private mutating func beginArray(_ key: String, type: UInt32, count: Int) {
    begin(key, type: 9)
    append(type)
    append(UInt64(count))
  }

  private mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    keys += text.utf8
  }

  private mutating func append(_ number: some FixedWidthInteger) { GGUFHeader.append(number, to: &keys) }

  private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
    for shift in stride(from: 0, to: number.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  // MARK: - Tensors

  /// Adds a tensor behind the others.
  ///
  /// - Precondition: its rows are whole blocks of the type.
  mutating func add(_ name: String, _ type: GGUFType, shape: [Int]) {
    precondition(shape.last! % type.blockSize == 0, "\(name) has rows that are no whole blocks")
    let start = (end + GGUFHeader.alignment - 1) / GGUFHeader.alignment * GGUFHeader.alignment
    end = start + shape.reduce(1, *) / type.blockSize * type.blockByteCount
    tensors.append(Tensor(name: name, type: type, shape: shape, range: start..<end))
  }

  /// Bytes behind the header, which end aligned as well.
  var contentByteCount: Int { (end + GGUFHeader.alignment - 1) / GGUFHeader.alignment * GGUFHeader.alignment }

  /// What the file begins with; the tensors' bytes follow.
  var encoded: [UInt8] {
    var bytes = GGUFFile.magic
    func append(_ number: some FixedWidthInteger) { GGUFHeader.append(number, to: &bytes) }
    append(GGUFHeader.version)
    append(UInt64(tensors.count))
    append(UInt64(keyCount))
    bytes += keys
    for tensor in tensors {
      append(UInt64(tensor.name.utf8.count))
      bytes += tensor.name.utf8
      append(UInt32(tensor.shape.count))
      for extent in tensor.shape.reversed() { append(UInt64(extent)) }
      append(tensor.type.rawValue)
      append(UInt64(tensor.range.lowerBound))
    }
    return bytes + [UInt8](repeating: 0, count: -bytes.count & (GGUFHeader.alignment - 1))
  }
}
