/// How a tensor's numbers are stored. Raw values are those of the file.
public enum StorageType: UInt8, Sendable, CaseIterable {
  /// Bytes that are no numbers: a document such as config.json.
  case document = 0
  /// float32, row-major, of any rank: norms, biases, convolution, `A`, `D`.
  case vector = 1
  // Matrices [rows, columns] in strips of eight rows, laid out for the kernels (docs/FORMAT.md).
  case f32 = 2
  case bf16 = 3
  /// 8 bit, a scale per 64 (or 32) columns.
  case int8 = 4
  /// 4 bit non-uniform (NL4), a scale per 32 columns.
  case int4 = 5
  /// 6 bit, a scale per 64 (or 32) columns.
  case int6 = 6

  public var name: String {
    switch self {
    case .document: "document"
    case .vector: "f32 vector"
    case .f32: "f32"
    case .bf16: "bf16"
    case .int8: "int8"
    case .int4: "int4"
    case .int6: "int6"
    }
  }

  public var isMatrix: Bool { rawValue >= StorageType.f32.rawValue }

  /// Rows in a strip.
  public static let stripRows = 8

  /// Columns that share a scale; nil for types without scales.
  public func scaleGroup(columns: Int) -> Int? {
    switch self {
    case .int8, .int6: columns % 64 == 0 ? 64 : 32
    case .int4: 32
    default: nil
    }
  }

  /// Bytes of one strip (eight rows) of a matrix; nil on overflow or for types that are no matrices.
  public func stripByteCount(columns: Int) -> Int? {
    guard columns > 0, columns <= StorageType.maximumExtent else { return nil }
    let tiles = (columns + 31) / 32
    switch self {
    case .document, .vector: return nil
    case .f32: return columns * 32
    case .bf16: return columns * 16
    case .int8, .int6, .int4:
      let groups = (columns + scaleGroup(columns: columns)! - 1) / scaleGroup(columns: columns)!
      let header = (32 + 8 * groups + 63) / 64 * 64
      return header + tiles * (self == .int8 ? 256 : self == .int6 ? 192 : 128)
    }
  }

  /// The largest extent of a dimension: far above any model, small enough that sizes cannot overflow unnoticed.
  public static let maximumExtent = 1 << 31 - 1

  /// Bytes of a tensor of this type; nil when a dimension is absurd or the product overflows.
  public func byteCount(shape: [Int]) -> Int? {
    guard !shape.isEmpty, shape.allSatisfy({ $0 > 0 }) else { return nil }
    switch self {
    case .document: return shape.count == 1 ? shape[0] : nil
    case .vector:
      var total = 4
      for extent in shape {
        let (product, overflow) = total.multipliedReportingOverflow(by: extent)
        guard !overflow else { return nil }
        total = product
      }
      return total
    case .f32, .bf16, .int8, .int6, .int4:
      guard shape.count == 2, shape[0] <= StorageType.maximumExtent,
        let strip = stripByteCount(columns: shape[1])
      else { return nil }
      let (product, overflow) = ((shape[0] + 7) / 8).multipliedReportingOverflow(by: strip)
      return overflow ? nil : product
    }
  }
}
