/// A place in the header of a GGUF file, which moves over what it reads. The file is not trusted: no length or count from it is
/// used before there are that many bytes behind the place.
struct GGUFCursor {
  private let file: RandomAccessFile
  private(set) var position = 0
  /// Bytes from `start` on, read ahead.
  private var buffer: [UInt8] = []
  private var start = 0

  /// The longest header that is read. One with a quarter of a million tokens has some 10 MB.
  static let limit = 256 << 20
  /// The longest text in one. Chat templates, the longest, have some 10 kB.
  static let textLimit = 16 << 20
  private static let pieceByteCount = 64 << 10

  init(_ file: RandomAccessFile) { self.file = file }

  func damaged(_ reason: String) -> ConversionError { .damaged(path: file.path, reason: reason) }

  /// Bytes that the header may still have.
  var remaining: Int { min(file.byteCount, GGUFCursor.limit) - position }

  /// The next bytes.
  mutating func bytes(_ count: Int) throws(ConversionError) -> ArraySlice<UInt8> {
    guard count <= remaining else {
      throw damaged(
        count <= file.byteCount - position
          ? "its header is longer than \(GGUFCursor.limit) bytes" : "its header is cut short")
    }
    if position + count > start + buffer.count {
      start = position
      buffer = try file.bytes(position..<position + min(max(count, GGUFCursor.pieceByteCount), remaining))
    }
    let first = position - start
    position += count
    return buffer[first..<first + count]
  }

  /// A little-endian number.
  mutating func number<Value: FixedWidthInteger & UnsignedInteger>(
    _: Value.Type = Value.self
  ) throws(ConversionError) -> Value {
    try bytes(Value.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Value($1) }
  }

  /// How many of something follow.
  ///
  /// - Parameter byteCount: the least that one of them takes.
  mutating func count(
    of noun: String, taking byteCount: Int, limit: Int
  ) throws(ConversionError) -> Int {
    let count = try number(UInt64.self)
    guard count <= UInt64(limit) else {
      throw damaged("it says that there are \(count) \(noun), more than \(limit)")
    }
    guard Int(count) <= remaining / byteCount else { throw damaged("its header is cut short") }
    return Int(count)
  }

  mutating func text(_ noun: String) throws(ConversionError) -> String {
    let count = try count(of: "bytes in \(noun)", taking: 1, limit: GGUFCursor.textLimit)
    guard let text = String(validating: try bytes(count), as: UTF8.self) else {
      throw damaged("\(noun) is not UTF-8")
    }
    return text
  }
}
