import CKernels
import JambaFormat

/// Everything that one sequence carries from token to token: a Mamba state of constant size, and keys and values of the
/// attention layers that grow by pages.
final class SequenceState {
  /// Tokens seen.
  private(set) var position = 0
  private let mamba: [Int: MambaState]
  private let attention: [Int: KeyValueCache]

  init(_ configuration: ModelConfiguration, cacheType: CacheType) throws(SystemError) {
    var mamba: [Int: MambaState] = [:]
    for layer in configuration.layers(with: .mamba) { mamba[layer] = try MambaState(configuration) }
    var attention: [Int: KeyValueCache] = [:]
    for layer in configuration.layers(with: .attention) {
      attention[layer] = KeyValueCache(configuration, type: cacheType)
    }
    self.mamba = mamba
    self.attention = attention
  }

  func mamba(_ layer: Int) -> MambaState { mamba[layer]! }
  func attention(_ layer: Int) -> KeyValueCache { attention[layer]! }

  /// Makes room for `count` more tokens, so that the pass itself cannot fail.
  func reserve(_ count: Int) throws(SystemError) {
    for cache in attention.values { try cache.reserve(position + count) }
  }

  func advance(by count: Int) { position += count }

  /// Back to the beginning; pages are kept for the next text.
  func reset() {
    position = 0
    for state in mamba.values { state.reset() }
  }

  /// Bytes of the state of a text of `context` tokens.
  static func byteCount(_ c: ModelConfiguration, cacheType: CacheType, context: Int) -> Int {
    let mamba = c.layers(with: .mamba).count * Memory.wholePages(MambaState.byteCount(c))
    let pages = (context + Int(JK_PAGE_POSITIONS) - 1) / Int(JK_PAGE_POSITIONS)
    let page = jk_kv_page_size(cacheType.raw, c.numKeyValueHeads, c.headDim)
    return mamba + c.layers(with: .attention).count * pages * Memory.wholePages(page)
  }

  var byteCount: Int {
    mamba.values.reduce(0) { $0 + $1.byteCount } + attention.values.reduce(0) { $0 + $1.byteCount }
  }
}

/// The state of one Mamba layer: the scan's `[state, inner]` and the convolution's last inputs `[taps - 1, inner]`, f32.
@safe
final class MambaState {
  private let buffer: AlignedBuffer
  private let scanCount: Int

  init(_ c: ModelConfiguration) throws(SystemError) {
    scanCount = c.mambaDState * c.innerSize
    buffer = try AlignedBuffer(byteCount: MambaState.byteCount(c))
  }

  static func byteCount(_ c: ModelConfiguration) -> Int {
    4 * (c.mambaDState + c.mambaDConv - 1) * c.innerSize
  }

  var scan: UnsafeMutablePointer<Float> { unsafe buffer.pointer() }
  var convolution: UnsafeMutablePointer<Float> { unsafe buffer.pointer() + scanCount }
  var byteCount: Int { buffer.byteCount }

  func reset() { unsafe buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0) }
}

/// How keys and values are kept.
public enum CacheType: Sendable {
  case f32
  case f16

  var raw: jk_kv_type { self == .f32 ? JK_KV_F32 : JK_KV_F16 }
}

/// The keys and values of one attention layer, in pages of 256 positions.
@safe
final class KeyValueCache {
  private let type: CacheType
  private let heads: Int
  private let headSize: Int
  private var pages: [AlignedBuffer] = []
  private var addresses: [UnsafeMutableRawPointer?]

  init(_ c: ModelConfiguration, type: CacheType) {
    self.type = type
    heads = c.numKeyValueHeads
    headSize = c.headDim
    unsafe addresses = []
  }

  var pageByteCount: Int { jk_kv_page_size(type.raw, heads, headSize) }
  var byteCount: Int { pages.count * pageByteCount }

  /// Makes room for positions 0..<count.
  func reserve(_ count: Int) throws(SystemError) {
    while pages.count * Int(JK_PAGE_POSITIONS) < count {
      let page = try AlignedBuffer(byteCount: pageByteCount)
      pages.append(page)
      unsafe addresses.append(page.base)
    }
  }

  func withKernelView(_ body: (UnsafePointer<jk_kv>) -> Void) {
    unsafe addresses.withUnsafeBufferPointer { pages in
      let view = unsafe jk_kv(pages: pages.baseAddress, type: type.raw, kv_heads: heads, head_size: headSize)
      unsafe withUnsafePointer(to: view) { unsafe body($0) }
    }
  }
}
