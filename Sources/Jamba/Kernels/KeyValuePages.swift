import CKernels

/// How keys and values are kept.
public enum CacheType: String, Sendable, CaseIterable {
  /// As they are; beside weights in f32.
  case f32
  /// Half the precision, for half the memory.
  case f16
  /// A byte each, with a scale for each position and head.
  case int8
  /// Half a byte each, turned so that none stands out; for heads of 32, 64, 128 or 256 elements.
  case int4

  fileprivate var raw: jk_kv_type {
    switch self {
    case .f32: JK_KV_F32
    case .f16: JK_KV_F16
    case .int8: JK_KV_I8
    case .int4: JK_KV_I4
    }
  }

  /// Whether heads of so many elements can be kept so.
  func takes(headSize: Int) -> Bool { jk_kv_takes(raw, headSize) }
}

/// The pages of one attention layer's KV cache as the kernels see them, and where a position is among them (jk_kv).
///
/// Invariant: as for `Rows`.
@safe
struct KeyValuePages {
  /// Positions of a page.
  static let positions = Int(JK_PAGE_POSITIONS)

  let type: CacheType
  let heads: Int
  let headSize: Int
  /// Pages that stay where they are, and those behind them that take turns.
  let fixedPages: Int
  let ringPages: Int
  let sinks: Int
  let window: Int
  let addresses: UnsafeBufferPointer<UnsafeMutableRawPointer?>

  /// Bytes of a page.
  static func byteCount(_ type: CacheType, heads: Int, headSize: Int) -> Int {
    jk_kv_page_size(type.raw, heads, headSize)
  }

  func withKernelView(_ body: (UnsafePointer<jk_kv>) -> Void) {
    let view = unsafe jk_kv(
      pages: addresses.baseAddress, fixed_pages: fixedPages, ring_pages: ringPages, sinks: sinks, window: window,
      type: type.raw, kv_heads: heads, head_size: headSize)
    unsafe withUnsafePointer(to: view) { unsafe body($0) }
  }
}
