/// A text's state at one moment, from which any session of the model can go on.
final class Snapshot: Sendable {
  let layout: KeyValueLayout
  /// Those of the sequence; no other can go on from it.
  let adapters: [AdapterStack.Identity]
  /// The Mamba layers' states, a copy.
  let recurrent: StateBuffer
  /// By attention layer: the pages that the next token sees, shared with whoever wrote them.
  let pages: [[StateBuffer]]
  /// The text so far, in blocks shared with other snapshots of it.
  let text: TokenText
  /// `[vocab]` after the last token, in memory that counts, where they were computed.
  private let savedLogits: StateBuffer?

  /// - Parameter logits: `[vocab]` after the last token, where they were computed.
  init(
    text: TokenText, layout: KeyValueLayout, adapters: [AdapterStack.Identity], recurrent: StateBuffer,
    pages: [[StateBuffer]], logits: [Float]?, _ memory: SessionMemory
  ) throws(JambaError) {
    self.layout = layout
    self.adapters = adapters
    self.recurrent = recurrent
    self.pages = pages
    self.text = text
    savedLogits = try logits.map { (logits) throws(JambaError) in
      let buffer = try memory.makeBuffer(byteCount: 4 * max(1, logits.count), context: text.count)
      unsafe logits.withUnsafeBytes { unsafe buffer.bytes.copyMemory(from: $0) }
      return buffer
    }
  }

  var tokenCount: Int { text.count }
  var tokens: [Int32] { text.tokens }
  var logits: [Float]? {
    unsafe savedLogits.map { unsafe $0.bytes.withMemoryRebound(to: Float.self) { unsafe Array($0) } }
  }

  /// Bytes that no other snapshot has a part in.
  var ownByteCount: Int { recurrent.byteCount + (savedLogits?.byteCount ?? 0) }

  /// What other snapshots may have a part in: pages, and blocks of the text.
  func forEachShared(_ body: (StateBuffer) -> Void) {
    for layer in pages { for page in layer { body(page) } }
    for block in text.blocks { body(block) }
  }

  /// Whether a text of `tokens` can begin with the snapshot; one that ends with it needs its logits.
  func isUsable(for tokens: ArraySlice<Int32>, _ layout: KeyValueLayout, _ adapters: AdapterStack) -> Bool {
    guard tokenCount <= tokens.count, tokenCount < tokens.count || savedLogits != nil, self.layout.keepsTheSame(as: layout),
      self.adapters == adapters.identity
    else { return false }
    return text.sharesBeginning(with: tokens)
  }

  /// Whether another snapshot's text begins with this one's, with the same adapters and keys and values kept the same way.
  func isBefore(_ other: Snapshot) -> Bool {
    layout.keepsTheSame(as: other.layout) && adapters == other.adapters && text.isPrefix(of: other.text)
  }

  /// Whether one of two texts begins with the other.
  func sharesBeginning(with tokens: [Int32]) -> Bool { text.sharesBeginning(with: tokens[...]) }
}
