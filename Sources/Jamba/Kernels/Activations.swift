import CKernels
import JambaSystem

/// A batch of activation rows `[capacity, width]`, of which a pass uses the first `count`, with the int8 copy that
/// products with quantized weights read (jk_rows).
///
/// The copy is made when a product first asks for it and is good until somebody asks for `mutableValues` again, so no
/// product can read the codes of other values. Rows are padded with zeros to a multiple of 32 columns.
@safe
final class Activations {
  let width: Int
  let capacity: Int
  /// Rows in use.
  private(set) var count = 0
  private let buffer: AlignedBuffer
  private let rows: jk_rows
  private let hasCodes: Bool
  private var areCodesCurrent = false

  /// Columns whose codes share a scale.
  static let group = Int(JK_GROUP)

  private static func stride(_ width: Int) -> Int { (width + group - 1) / group * group }

  /// Bytes for `capacity` rows; without `codes` for values alone.
  static func byteCount(width: Int, capacity: Int, codes: Bool) -> Int {
    let stride = stride(width)
    return capacity * (stride * 4 + (codes ? stride + stride / 32 * 8 : 0))
  }

  /// - Throws: `outOfMemory`.
  init(width: Int, capacity: Int, codes: Bool = true) throws(JambaError) {
    self.width = width
    self.capacity = capacity
    let stride = Activations.stride(width)
    let byteCount = Activations.byteCount(width: width, capacity: capacity, codes: codes)
    do throws(SystemError) { buffer = try AlignedBuffer(byteCount: byteCount) } catch {
      throw .outOfMemory(byteCount: byteCount)
    }
    var rows = unsafe jk_rows()
    unsafe rows.stride = stride
    let values = unsafe buffer.base?.assumingMemoryBound(to: Float.self)
    unsafe rows.values = values
    if codes, let values = unsafe values {
      // Largest alignment first: values, scales, offsets, then the bytes.
      let scales = unsafe values + capacity * stride
      unsafe rows.scales = scales
      let offsets = unsafe UnsafeMutableRawPointer(scales + capacity * stride / 32)
      unsafe rows.offsets = offsets.assumingMemoryBound(to: Int32.self)
      unsafe rows.codes = (offsets + capacity * stride / 32 * 4).assumingMemoryBound(to: Int8.self)
    }
    unsafe self.rows = rows
    hasCodes = codes
  }

  /// Uses the first `count` rows from now on.
  func resize(to count: Int) {
    precondition(0...capacity ~= count, "\(count) rows of \(capacity)")
    self.count = count
    areCodesCurrent = false
  }

  /// The rows in use, to read.
  var values: Rows { unsafe Rows(base: rows.values, count: count, width: width, stride: rows.stride) }

  /// The rows in use, to write; the int8 copy is made anew by the next product.
  var mutableValues: MutableRows {
    areCodesCurrent = false
    return unsafe MutableRows(
      base: rows.values, count: count, width: width, stride: rows.stride, padding: rows.stride - width)
  }

  /// For the kernels; `makeCodes` is called when there is no int8 copy of the values.
  func withKernelRows(codes: Bool, makeCodes: (UnsafePointer<jk_rows>) -> Void, _ body: (UnsafePointer<jk_rows>) -> Void) {
    unsafe withUnsafePointer(to: rows) { rows in
      if codes && !areCodesCurrent {
        precondition(hasCodes, "these activations have no int8 copy")
        unsafe makeCodes(rows)
        areCodesCurrent = true
      }
      unsafe body(rows)
    }
  }
}
