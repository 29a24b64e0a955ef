import JambaSystem

/// A text's state at one moment, from which any session of the model can go on.
final class Snapshot: Sendable {
  let layout: KeyValueLayout
  /// Those of the sequence; no other can go on from it.
  let adapters: [AdapterStack.Identity]
  /// The Mamba layers' states, a copy.
  let recurrent: StateBuffer
  /// By attention layer: the pages that the next token sees, shared with whoever wrote them.
  let pages: [[StateBuffer]]
  /// The text so far, then the logits: in memory that counts, and that goes back to the system as a whole.
  private let text: StateBuffer
  let tokenCount: Int
  private let logitCount: Int

  /// - Parameter logits: `[vocab]` after the last token, where they were computed.
  init(
    tokens: [Int32], layout: KeyValueLayout, adapters: [AdapterStack.Identity], recurrent: StateBuffer,
    pages: [[StateBuffer]], logits: [Float]?, _ memory: SessionMemory
  ) throws(JambaError) {
    self.layout = layout
    self.adapters = adapters
    self.recurrent = recurrent
    self.pages = pages
    tokenCount = tokens.count
    logitCount = logits?.count ?? 0
    text = try memory.makeBuffer(byteCount: 4 * max(1, tokenCount + logitCount), context: tokenCount)
    unsafe tokens.withUnsafeBytes { unsafe text.bytes.copyMemory(from: $0) }
    unsafe logits?.withUnsafeBytes {
      unsafe UnsafeMutableRawBufferPointer(rebasing: text.bytes[(4 * tokenCount)...]).copyMemory(from: $0)
    }
  }

  private func numbers<Number: BitwiseCopyable>(_ range: Range<Int>, as type: Number.Type) -> [Number] {
    unsafe text.bytes[4 * range.lowerBound..<4 * range.upperBound].withMemoryRebound(to: type) { unsafe Array($0) }
  }

  var tokens: [Int32] { numbers(0..<tokenCount, as: Int32.self) }
  var logits: [Float]? { logitCount == 0 ? nil : numbers(tokenCount..<tokenCount + logitCount, as: Float.self) }

  /// Bytes without the pages.
  var ownByteCount: Int { recurrent.byteCount + text.byteCount }

  /// Whether a text of `tokens` can begin with the snapshot; one that ends with it needs its logits.
  func isUsable(for tokens: ArraySlice<Int32>, _ layout: KeyValueLayout, _ adapters: AdapterStack) -> Bool {
    guard tokenCount <= tokens.count, tokenCount < tokens.count || logitCount > 0, self.layout.keepsTheSame(as: layout),
      self.adapters == adapters.identity
    else { return false }
    return unsafe tokens.withUnsafeBytes { unsafe isPrefix(of: $0) }
  }

  /// Whether another snapshot's text begins with this one's, with the same adapters and keys and values kept the same way.
  func isBefore(_ other: Snapshot) -> Bool {
    guard tokenCount <= other.tokenCount, layout.keepsTheSame(as: other.layout), adapters == other.adapters else {
      return false
    }
    return unsafe isPrefix(of: UnsafeRawBufferPointer(other.text.bytes))
  }

  /// Whether one of two texts begins with the other.
  func sharesBeginning(with tokens: [Int32]) -> Bool {
    let count = min(tokenCount, tokens.count)
    let own = unsafe UnsafeRawBufferPointer(text.bytes)
    return unsafe tokens.withUnsafeBytes { other in
      unsafe haveSameBytes(
        UnsafeRawBufferPointer(rebasing: own.prefix(4 * count)), UnsafeRawBufferPointer(rebasing: other.prefix(4 * count)))
    }
  }

  private func isPrefix(of bytes: UnsafeRawBufferPointer) -> Bool {
    let own = unsafe UnsafeRawBufferPointer(text.bytes)
    return unsafe haveSameBytes(
      UnsafeRawBufferPointer(rebasing: own.prefix(4 * tokenCount)),
      UnsafeRawBufferPointer(rebasing: bytes.prefix(4 * tokenCount)))
  }
}
