import JambaFormat

/// How a session file holds keys and values: a type, and for int8 whether pages are laid out as they were at first, keys by
/// eight positions and values one after the other, or by fours of bytes (jk_kv).
package struct CachedPages {
  let type: CacheType
  private let isEarlier: Bool

  init(_ type: CacheType) {
    self.type = type
    isEarlier = false
  }

  init?(number: UInt32) {
    switch number {
    case 0: type = .f32
    case 1: type = .f16
    case 2, 3: type = .int8
    case 4: type = .int4
    default: return nil
    }
    isEarlier = number == 2
  }

  var number: UInt32 {
    switch type {
    case .f32: 0
    case .f16: 1
    case .int8: isEarlier ? 2 : 3
    case .int4: 4
    }
  }

  /// Codes of a position's and head's key and value in an earlier page.
  private static func pageByteCount(heads: Int, headSize: Int) -> Int {
    2 * KeyValuePages.positions * heads * (headSize + MemoryLayout<Float>.size)
  }

  /// Bytes of a page in the file.
  func pageByteCount(_ c: ModelConfiguration) -> Int {
    isEarlier
      ? CachedPages.pageByteCount(heads: c.numKeyValueHeads, headSize: c.headDim) : KeyValueCache.pageByteCount(c, type)
  }

  /// The page as kernels want it: the file's own, or a copy in today's layout.
  func current(
    _ page: StateBuffer, _ c: ModelConfiguration, _ memory: SessionMemory, context: Int
  ) throws(JambaError) -> StateBuffer {
    guard isEarlier else { return page }
    let copy = try memory.makeBuffer(byteCount: KeyValueCache.pageByteCount(c, type), context: context)
    unsafe CachedPages.copy(
      earlier: UnsafeRawBufferPointer(page.bytes), to: copy.bytes, heads: c.numKeyValueHeads, headSize: c.headDim)
    return copy
  }

  /// Copies a page of the earlier layout to one of today's.
  package static func copy(
    earlier old: UnsafeRawBufferPointer, to new: UnsafeMutableRawBufferPointer, heads: Int, headSize size: Int
  ) {
    let (positions, columns) = (KeyValuePages.positions, (size + 3) / 4 * 4)
    for head in 0..<heads {
      let (from, to) = (head * 2 * positions * size, head * positions * (columns + size))
      for position in 0..<positions {
        for i in 0..<size {
          unsafe new[to + (position / 16 * (columns / 4) + i / 4) * 64 + position % 16 * 4 + i % 4] =
            old[from + (position / 8 * size + i) * 8 + position % 8]
          unsafe new[to + positions * columns + (position / 4 * size + i) * 4 + position % 4] =
            old[from + positions * size + position * size + i]
        }
      }
    }
    // The scales come last in both.
    let scales = 2 * positions * heads * MemoryLayout<Float>.size
    unsafe UnsafeMutableRawBufferPointer(rebasing: new.suffix(scales)).copyMemory(
      from: UnsafeRawBufferPointer(rebasing: old.suffix(scales)))
  }
}
