/// The types of numbers in GGUF files that are read. Raw values are those of the files.
///
/// A row is a sequence of blocks of `blockSize` numbers in `blockByteCount` bytes; `decode` says what they hold. The values are
/// those of `gguf/quants.py` in llama.cpp, to the bit, and of its C code for the two that the former lacks (Q1_0, Q2_0).
package enum GGUFType: UInt32, CaseIterable, Sendable {
  case f32 = 0
  case f16 = 1
  case q40 = 2
  case q41 = 3
  case q50 = 6
  case q51 = 7
  case q80 = 8
  case q2K = 10
  case q3K = 11
  case q4K = 12
  case q5K = 13
  case q6K = 14
  case iq2XXS = 16
  case iq2XS = 17
  case iq3XXS = 18
  case iq1S = 19
  case iq4NL = 20
  case iq3S = 21
  case iq2S = 22
  case iq4XS = 23
  case iq1M = 29
  case bf16 = 30
  case tq10 = 34
  case tq20 = 35
  case mxfp4 = 39
  case nvfp4 = 40
  case q10 = 41
  case q20 = 42

  /// llama.cpp's name.
  package var name: String { layout.name }
  /// Numbers in a block.
  package var blockSize: Int { layout.size }
  var blockByteCount: Int { layout.byteCount }
  var bitsPerWeight: Double { 8 * Double(blockByteCount) / Double(blockSize) }
  var isFloat: Bool { self == .f32 || self == .f16 || self == .bf16 }

  private var layout: (name: String, size: Int, byteCount: Int) {
    switch self {
    case .f32: ("F32", 1, 4)
    case .f16: ("F16", 1, 2)
    case .bf16: ("BF16", 1, 2)
    case .q40: ("Q4_0", 32, 18)
    case .q41: ("Q4_1", 32, 20)
    case .q50: ("Q5_0", 32, 22)
    case .q51: ("Q5_1", 32, 24)
    case .q80: ("Q8_0", 32, 34)
    case .q2K: ("Q2_K", 256, 84)
    case .q3K: ("Q3_K", 256, 110)
    case .q4K: ("Q4_K", 256, 144)
    case .q5K: ("Q5_K", 256, 176)
    case .q6K: ("Q6_K", 256, 210)
    case .iq2XXS: ("IQ2_XXS", 256, 66)
    case .iq2XS: ("IQ2_XS", 256, 74)
    case .iq3XXS: ("IQ3_XXS", 256, 98)
    case .iq1S: ("IQ1_S", 256, 50)
    case .iq4NL: ("IQ4_NL", 32, 18)
    case .iq3S: ("IQ3_S", 256, 110)
    case .iq2S: ("IQ2_S", 256, 82)
    case .iq4XS: ("IQ4_XS", 256, 136)
    case .iq1M: ("IQ1_M", 256, 56)
    case .tq10: ("TQ1_0", 256, 54)
    case .tq20: ("TQ2_0", 256, 66)
    case .mxfp4: ("MXFP4", 32, 17)
    case .nvfp4: ("NVFP4", 64, 36)
    case .q10: ("Q1_0", 128, 18)
    case .q20: ("Q2_0", 64, 18)
    }
  }

  /// Blocks as float32.
  ///
  /// - Precondition: the bytes are whole blocks, and the values as many as they hold.
  package func decode(_ bytes: Span<UInt8>, into values: inout MutableSpan<Float>) {
    precondition(
      bytes.count % blockByteCount == 0 && values.count == bytes.count / blockByteCount * blockSize,
      "the blocks hold another number of values")
    switch self {
    case .f32: GGUFType.decodeF32(bytes, &values)
    case .f16: GGUFType.decodeF16(bytes, &values)
    case .bf16: GGUFType.decodeBF16(bytes, &values)
    case .q40: GGUFType.decodeQ40(bytes, &values)
    case .q41: GGUFType.decodeQ41(bytes, &values)
    case .q50: GGUFType.decodeQ50(bytes, &values)
    case .q51: GGUFType.decodeQ51(bytes, &values)
    case .q80: GGUFType.decodeQ80(bytes, &values)
    case .q2K: GGUFType.decodeQ2K(bytes, &values)
    case .q3K: GGUFType.decodeQ3K(bytes, &values)
    case .q4K: GGUFType.decodeQ4K(bytes, &values)
    case .q5K: GGUFType.decodeQ5K(bytes, &values)
    case .q6K: GGUFType.decodeQ6K(bytes, &values)
    case .iq2XXS: GGUFType.decodeIQ2XXS(bytes, &values)
    case .iq2XS: GGUFType.decodeIQ2XS(bytes, &values)
    case .iq2S: GGUFType.decodeIQ2S(bytes, &values)
    case .iq3XXS: GGUFType.decodeIQ3XXS(bytes, &values)
    case .iq3S: GGUFType.decodeIQ3S(bytes, &values)
    case .iq1S: GGUFType.decodeIQ1S(bytes, &values)
    case .iq1M: GGUFType.decodeIQ1M(bytes, &values)
    case .iq4NL: GGUFType.decodeIQ4NL(bytes, &values)
    case .iq4XS: GGUFType.decodeIQ4XS(bytes, &values)
    case .tq10: GGUFType.decodeTQ10(bytes, &values)
    case .tq20: GGUFType.decodeTQ20(bytes, &values)
    case .mxfp4: GGUFType.decodeMXFP4(bytes, &values)
    case .nvfp4: GGUFType.decodeNVFP4(bytes, &values)
    case .q10: GGUFType.decodeQ10(bytes, &values)
    case .q20: GGUFType.decodeQ20(bytes, &values)
    }
  }

  /// The name of a type that is not read, where it has one.
  static func name(ofNumber number: UInt32) -> String {
    if let type = GGUFType(rawValue: number) { return type.name }
    let others: [UInt32: String] = [
      4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 31: "Q4_0_4_4",
      32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8",
    ]
    return others[number] ?? "number \(number)"
  }
}

extension GGUFType {
  /// Bytes that are read and decoded at a time: little enough to stay in a processor's cache.
  private static let pieceByteCount = 64 << 10

  /// Reads blocks as float32, in memory of a piece.
  ///
  /// - Precondition: the range is of whole blocks in the file.
  package func read(
    _ range: Range<Int>, of file: RandomAccessFile, into values: UnsafeMutableBufferPointer<Float>
  ) throws(ConversionError) {
    let blocks = max(1, GGUFType.pieceByteCount / blockByteCount)
    var failure: ConversionError?
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: min(blocks * blockByteCount, range.count)) {
      buffer in
      var position = 0
      for first in stride(from: range.lowerBound, to: range.upperBound, by: blocks * blockByteCount) {
        let count = min(blocks * blockByteCount, range.upperBound - first)
        let piece = unsafe UnsafeMutableBufferPointer(rebasing: buffer[..<count])
        do throws(ConversionError) {
          try unsafe file.read(into: UnsafeMutableRawBufferPointer(piece), at: first)
        } catch {
          failure = error
          return
        }
        let end = position + count / blockByteCount * blockSize
        let part = unsafe UnsafeMutableBufferPointer(rebasing: values[position..<end])
        var output = unsafe part.mutableSpan
        decode(unsafe UnsafeBufferPointer(piece).span, into: &output)
        position = end
      }
    }
    if let failure { throw failure }
  }
}

extension GGUFFile.Tensor {
  /// The bytes of some rows.
  func range(of rows: Range<Int>, _ type: GGUFType) -> Range<Int> {
    let rowByteCount = shape[shape.count - 1] / type.blockSize * type.blockByteCount
    let first = range.lowerBound + rows.lowerBound * rowByteCount
    return first..<first + rows.count * rowByteCount
  }
}
