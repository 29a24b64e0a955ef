/// Reads one message of Protocol Buffers (protobuf.dev/programming-guides/encoding), field by field. The bytes are foreign:
/// each length and number is checked before it is used.
struct ProtobufReader {
  enum Value {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  /// Why bytes are no message: what follows "the tokenizer's file".
  struct Fault: Error {
    let reason: String
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The next field's number and value; nil behind the last one.
  mutating func next() throws(Fault) -> (number: UInt64, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let key = try varint()
    guard key >> 3 > 0 else { throw Fault(reason: "is not a SentencePiece model: it has a field of number 0") }
    switch key & 7 {
    case 0: return (key >> 3, .varint(try varint()))
    case 1: return (key >> 3, .fixed64(try fixed(8)))
    case 2:
      let count = try varint()
      guard count <= UInt64(rest.count) else { throw Self.cutShort }
      defer { rest = rest.dropFirst(Int(count)) }
      return (key >> 3, .bytes(rest.prefix(Int(count))))
    case 5: return (key >> 3, .fixed32(UInt32(try fixed(4))))
    default: throw Fault(reason: "is not a SentencePiece model: it has a field of wire type \(key & 7)")
    }
  }

  private static let cutShort = Fault(reason: "is not a SentencePiece model, or cut short")

  private mutating func varint() throws(Fault) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw Self.cutShort }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw Fault(reason: "is not a SentencePiece model: it has a number of more than 10 bytes")
  }

  private mutating func fixed(_ count: Int) throws(Fault) -> UInt64 {
    guard rest.count >= count else { throw Self.cutShort }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
