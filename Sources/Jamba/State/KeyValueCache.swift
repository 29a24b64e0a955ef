import JambaFormat

/// The keys and values of one attention layer, in pages of 64 positions.
///
/// Pages may be shared with forks and snapshots; one that is shared is replaced before it is written.
@safe
final class KeyValueCache {
  private let layout: KeyValueLayout
  private let heads: Int
  private let headSize: Int
  private let memory: SessionMemory
  /// By slot; the addresses are those of the pages.
  private var pages: [StateBuffer?] = []
  private var addresses: [UnsafeMutableRawPointer?]

  init(_ c: ModelConfiguration, _ layout: KeyValueLayout, _ memory: SessionMemory) {
    self.layout = layout
    self.memory = memory
    heads = c.numKeyValueHeads
    headSize = c.headDim
    unsafe addresses = []
  }

  static func pageByteCount(_ c: ModelConfiguration, _ type: CacheType) -> Int {
    KeyValuePages.byteCount(type, heads: c.numKeyValueHeads, headSize: c.headDim)
  }

  private var pageByteCount: Int { KeyValuePages.byteCount(layout.type, heads: heads, headSize: headSize) }
  var byteCount: Int { pages.reduce(0) { $0 + ($1 == nil ? 0 : pageByteCount) } }

  private func set(_ slot: Int, _ page: StateBuffer) {
    while pages.count <= slot {
      pages.append(nil)
      unsafe addresses.append(nil)
    }
    pages[slot] = page
    unsafe addresses[slot] = page.bytes.baseAddress
  }

  /// Makes room for a text of `count` tokens, as far as it can be made before older ones have gone.
  func reserve(_ count: Int) throws(JambaError) {
    for slot in 0..<layout.pageCount(count) where slot >= pages.count || pages[slot] == nil {
      set(slot, try memory.makeBuffer(byteCount: pageByteCount, context: count))
    }
  }

  /// Sees to it that `positions`, at most a chunk, can be written without anybody else seeing it.
  func makeWritable(_ positions: Range<Int>) throws(JambaError) {
    let size = KeyValueLayout.pagePositions
    for number in positions.lowerBound / size...(positions.upperBound - 1) / size {
      let slot = layout.slot(ofPage: number)
      if slot < pages.count, pages[slot] != nil, isKnownUniquelyReferenced(&pages[slot]) { continue }
      let page = try memory.makeBuffer(byteCount: pageByteCount, context: positions.upperBound)
      // To make room snapshots may have gone, and the page may be ours alone by now.
      if slot < pages.count, let old = pages[slot], positions.lowerBound > number * size {
        page.copy(old)
      }
      set(slot, page)
    }
  }

  /// The pages that the token after `count` others sees.
  func visiblePages(after count: Int) -> [StateBuffer] {
    layout.visiblePages(after: count).map { pages[layout.slot(ofPage: $0)]! }
  }

  /// Takes over what another cache had after `count` tokens.
  func adopt(_ visible: [StateBuffer], after count: Int) {
    pages = []
    unsafe addresses = []
    pages.reserveCapacity(visible.count)
    unsafe addresses.reserveCapacity(visible.count)
    for (number, page) in zip(layout.visiblePages(after: count), visible) { set(layout.slot(ofPage: number), page) }
  }

  /// Lends the pages to the kernels.
  func withPages(_ body: (KeyValuePages) -> Void) {
    unsafe addresses.withUnsafeBufferPointer { addresses in
      body(
        unsafe KeyValuePages(
          type: layout.type, heads: heads, headSize: headSize, fixedPages: layout.fixedPages,
          ringPages: layout.ringPages, sinks: layout.sinks, window: layout.window ?? .max, addresses: addresses))
    }
  }
}
