import JambaFormat

/// A record of a pass over a few tokens from which the Mamba layers can be advanced by some of them only: each
/// token's inputs of the convolution and the scan, a fraction of the states themselves.
final class PassTrace {
  private let buffer: StateBuffer
  private let layers: [Int: MambaTrace]

  init(_ c: ModelConfiguration, capacity: Int, _ memory: SessionMemory) throws(JambaError) {
    buffer = try memory.makeBuffer(byteCount: PassTrace.byteCount(c, capacity: capacity), context: 0)
    var layers: [Int: MambaTrace] = [:]
    for (number, layer) in c.layers(with: .mamba).enumerated() {
      let start = unsafe buffer.bytes.baseAddress! + number * MambaTrace.byteCount(c, capacity: capacity)
      layers[layer] = unsafe MambaTrace(start, c, capacity: capacity)
    }
    self.layers = layers
  }

  static func byteCount(_ c: ModelConfiguration, capacity: Int) -> Int {
    max(1, c.layers(with: .mamba).count) * MambaTrace.byteCount(c, capacity: capacity)
  }

  func mamba(_ layer: Int) -> MambaTrace { layers[layer]! }
}
