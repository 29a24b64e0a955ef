import JambaFormat
import JambaSystem

/// Everything that one sequence carries from token to token: a Mamba state of constant size, and keys and values of the
/// attention layers.
final class SequenceState {
  /// Tokens seen.
  private(set) var position = 0
  /// Where a pass came to what is not a number. The state is good for nothing but `reset` then.
  var fault: NumberFault?
  let layout: KeyValueLayout
  /// What it computes with beside the model's weights.
  let adapters: AdapterStack
  private let configuration: ModelConfiguration
  private let memory: SessionMemory
  /// The states of all Mamba layers, one after the other: copied and saved as a whole.
  private var recurrent: StateBuffer
  private var mamba: [Int: MambaState]
  private let attention: [Int: KeyValueCache]
  private let attentionLayers: [Int]

  init(_ c: ModelConfiguration, _ layout: KeyValueLayout, _ memory: SessionMemory, adapters: AdapterStack = .none) throws(JambaError) {
    configuration = c
    self.adapters = adapters
    self.layout = layout
    self.memory = memory
    recurrent = try memory.makeBuffer(byteCount: SequenceState.recurrentByteCount(c), context: 0)
    mamba = SequenceState.states(recurrent, c)
    var attention: [Int: KeyValueCache] = [:]
    attentionLayers = c.layers(with: .attention)
    for layer in attentionLayers { attention[layer] = KeyValueCache(c, layout, memory) }
    self.attention = attention
  }

  private static func states(_ recurrent: StateBuffer, _ c: ModelConfiguration) -> [Int: MambaState] {
    var mamba: [Int: MambaState] = [:]
    for (number, layer) in c.layers(with: .mamba).enumerated() {
      mamba[layer] = unsafe MambaState(recurrent.bytes.baseAddress! + number * MambaState.byteCount(c), c)
    }
    return mamba
  }

  func mamba(_ layer: Int) -> MambaState { mamba[layer]! }
  func attention(_ layer: Int) -> KeyValueCache { attention[layer]! }

  /// Makes room for `count` more tokens, as far as that can be done before a pass.
  func reserve(_ count: Int) throws(JambaError) {
    for cache in attention.values { try cache.reserve(position + count) }
  }

  /// Makes the places of the next `count` tokens, at most a chunk, the sequence's own, so that the pass cannot fail.
  func makeWritable(_ count: Int) throws(JambaError) {
    for cache in attention.values { try cache.makeWritable(position..<position + count) }
  }

  func advance(by count: Int) { position += count }

  /// Back to the beginning; pages are kept for the next text.
  func reset() {
    position = 0
    fault = nil
    unsafe recurrent.bytes.initializeMemory(as: UInt8.self, repeating: 0)
  }

  /// A copy of what comes after a text, which the sequence has seen. Pages are shared.
  func snapshot(text: TokenText, logits: [Float]?) throws(JambaError) -> Snapshot {
    let copy = try memory.makeBuffer(byteCount: recurrent.byteCount, context: position)
    copy.copy(recurrent)
    return try Snapshot(
      text: text, layout: layout, adapters: adapters.identity, recurrent: copy,
      pages: attentionLayers.map { attention[$0]!.visiblePages(after: position) }, logits: logits, memory)
  }

  /// Goes on from a snapshot whose keys and values are kept the same way.
  func restore(_ snapshot: Snapshot) {
    recurrent.copy(snapshot.recurrent)
    continueAfter(snapshot)
  }

  private func continueAfter(_ snapshot: Snapshot) {
    position = snapshot.tokenCount
    fault = nil
    for (layer, pages) in zip(attentionLayers, snapshot.pages) { attention[layer]!.adopt(pages, after: position) }
  }

  /// Goes on from a snapshot that nobody else has, as `restore` does, with its Mamba states themselves.
  func adopt(_ snapshot: Snapshot) {
    recurrent = snapshot.recurrent
    mamba = SequenceState.states(recurrent, configuration)
    continueAfter(snapshot)
  }

  static func recurrentByteCount(_ c: ModelConfiguration) -> Int {
    // A model of attention alone has a state all the same, so that there is an address.
    max(1, c.layers(with: .mamba).count) * MambaState.byteCount(c)
  }

  /// Bytes of the state of a text of `context` tokens.
  static func byteCount(_ c: ModelConfiguration, _ layout: KeyValueLayout, context: Int) -> Int {
    let page = SystemMemory.wholePages(KeyValueCache.pageByteCount(c, layout.type))
    return SystemMemory.wholePages(recurrentByteCount(c)) + c.layers(with: .attention).count * layout.pageCount(context)
      * page
  }

  /// Bytes of the Mamba layers' states.
  var recurrentByteCount: Int { recurrent.byteCount }

  var byteCount: Int { recurrent.byteCount + attention.values.reduce(0) { $0 + $1.byteCount } }
}
