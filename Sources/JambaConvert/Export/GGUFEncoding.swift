/// The types that matrices are exported in. Bytes are those that `gguf/quants.py` in llama.cpp makes of the same float32.
public enum ExportType: String, CaseIterable, Sendable {
  case f32, f16, bf16
  /// Blocks of 32 codes of 8 bits and a scale.
  case q8_0

  /// Of rows of so many columns: what is no whole number of blocks is float16, as in files of llama.cpp's quantizer.
  func type(columns: Int) -> GGUFType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: columns % GGUFType.q80.blockSize == 0 ? .q80 : .f16
    }
  }

  /// llama.cpp's number for a file of mostly this type (`llama_ftype`).
  var fileType: Int {
    switch self {
    case .f32: 0
    case .f16: 1
    case .bf16: 32
    case .q8_0: 7
    }
  }
}

enum GGUFEncoding {
  /// Encodes whole blocks.
  ///
  /// - Returns: nil when a value is beyond the type's range.
  /// - Precondition: `type` is one of `ExportType`.
  static func encode(_ values: ArraySlice<Float>, _ type: GGUFType) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count / type.blockSize * type.blockByteCount)
    func append(_ half: UInt16) {
      bytes.append(UInt8(truncatingIfNeeded: half))
      bytes.append(UInt8(half >> 8))
    }
    switch type {
    case .f32:
      for value in values {
        append(UInt16(truncatingIfNeeded: value.bitPattern))
        append(UInt16(value.bitPattern >> 16))
      }
    case .f16:
      for value in values {
        let half = StoredFloat.half(value)
        guard half & 0x7C00 != 0x7C00 else { return nil }
        append(half)
      }
    case .bf16:
      for value in values {
        let bits = value.bitPattern
        append(UInt16((bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16))
      }
    case .q80:
      for first in stride(from: values.startIndex, to: values.endIndex, by: 32) {
        let block = values[first..<first + 32]
        let scale = block.reduce(0) { max($0, $1.magnitude) } / 127
        let half = StoredFloat.half(scale)
        guard half & 0x7C00 != 0x7C00 else { return nil }
        append(half)
        let inverse = scale == 0 ? 0 : 1 / scale
        for value in block {
          // Of a scale too small to have an inverse, nothing is left in float16 either.
          let code = (value * inverse).rounded(.toNearestOrAwayFromZero)
          bytes.append(UInt8(bitPattern: Int8(max(-127, min(127, code.isNaN ? 0 : code)))))
        }
      }
    default: preconditionFailure("\(type.name) is not exported")
    }
    return bytes
  }
}
