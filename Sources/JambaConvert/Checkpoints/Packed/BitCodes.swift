/// Whole numbers of one to eight bits, one behind the other from the lowest bit of the first byte on.
struct BitCodes {
  let bits: Int

  /// Bytes of so many codes, which begin and end with a byte.
  func byteCount(_ count: Int) -> Int { (count * bits + 7) / 8 }

  /// Words of four bytes that hold so many codes.
  func wordCount(_ count: Int) -> Int { (count * bits + 31) / 32 }

  /// A code of a row that begins with the byte `first`.
  func code(_ index: Int, in bytes: [UInt8], from first: Int) -> Int {
    let bit = index * bits
    let (place, shift) = (first + bit / 8, bit % 8)
    var pair = Int(bytes[place])
    if shift + bits > 8 { pair |= Int(bytes[place + 1]) << 8 }
    return pair >> shift & (1 << bits - 1)
  }
}
