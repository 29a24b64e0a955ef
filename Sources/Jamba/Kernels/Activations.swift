import CKernels
import JambaSystem

/// A batch of activation rows `[capacity, width]` with its int8 copy (jk_rows). Rows are padded with zeros to a multiple
/// of 32 columns, and nothing ever writes the padding.
@safe
final class Activations {
  let width: Int
  let capacity: Int
  private let buffer: AlignedBuffer
  let rows: jk_rows

  static func stride(_ width: Int) -> Int { (width + 31) / 32 * 32 }

  /// Bytes for `capacity` rows; without `codes` for values alone.
  static func byteCount(width: Int, capacity: Int, codes: Bool) -> Int {
    let stride = stride(width)
    return capacity * (stride * 4 + (codes ? stride + stride / 32 * 8 : 0))
  }

  init(width: Int, capacity: Int, codes: Bool = true) throws(SystemError) {
    self.width = width
    self.capacity = capacity
    let stride = Activations.stride(width)
    buffer = try AlignedBuffer(
      byteCount: Activations.byteCount(width: width, capacity: capacity, codes: codes))
    let values = unsafe buffer.pointer(to: Float.self)
    var rows = unsafe jk_rows()
    unsafe rows.values = values
    unsafe rows.stride = stride
    if codes {
      // Largest alignment first: values, scales, offsets, then the bytes.
      let scales = unsafe values + capacity * stride
      unsafe rows.scales = scales
      let offsets = unsafe UnsafeMutableRawPointer(scales + capacity * stride / 32)
      unsafe rows.offsets = offsets.assumingMemoryBound(to: Int32.self)
      unsafe rows.codes = (offsets + capacity * stride / 32 * 4).assumingMemoryBound(to: Int8.self)
    }
    unsafe self.rows = rows
  }

  var values: Columns { unsafe Columns(base: rows.values, stride: rows.stride) }
}
