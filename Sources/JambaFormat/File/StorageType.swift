import CStorage

/// How a tensor's numbers are stored. Raw values are those of the file; those of matrices are the kernels', too.
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
  /// 3 bit in rings of 32 weights whose indices share bits, a scale per ring.
  case int3 = 9
  /// 2 bit, likewise.
  case int2 = 10

  public var name: String { traits.name }

  public var isMatrix: Bool { traits.isMatrix }

  /// The kernels' name for a matrix's type.
  package var kernelType: jk_type {
    precondition(isMatrix, "only matrices are stored as kernels have it")
    return jk_type(UInt32(rawValue))
  }

  /// Rows in a strip.
  public static let stripRows = Int(JK_LANES)

  /// Columns that share a scale; nil for types without scales.
  public func scaleGroup(columns: Int) -> Int? {
    traits.hasCodes ? jk_scale_group(kernelType, columns) : nil
  }

  /// Bytes of one strip (eight rows) of a matrix; nil where `columns` are none or absurd, and for types that are no matrices.
  public func stripByteCount(columns: Int) -> Int? {
    guard isMatrix, columns > 0, columns <= StorageType.maximumExtent else { return nil }
    return jk_strip_size(kernelType, columns)
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
    case .f32, .bf16, .int8, .int6, .int4, .int3, .int2:
      guard shape.count == 2, shape[0] <= StorageType.maximumExtent,
        let strip = stripByteCount(columns: shape[1])
      else { return nil }
      let (product, overflow) = ((shape[0] + 7) / 8).multipliedReportingOverflow(by: strip)
      return overflow ? nil : product
    }
  }
}
