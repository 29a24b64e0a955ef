import CZstd

/// Blocks through libzstd. Level 1: on quantized weights higher levels gain nothing (docs/FORMAT.md).
enum Zstd {
  static let level: Int32 = 1

  /// Compresses into `output`; nil when the result would not be smaller than the input.
  static func compress(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int? {
    precondition(output.count >= input.count, "the output holds at least the input's size")
    let size = unsafe ZSTD_compress(output.baseAddress, input.count - 1, input.baseAddress, input.count, level)
    return ZSTD_isError(size) == 0 ? size : nil
  }

  /// Decompresses one frame that must fill `output` exactly.
  static func decompress(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    unsafe ZSTD_decompress(output.baseAddress, output.count, input.baseAddress, input.count) == output.count
  }
}
