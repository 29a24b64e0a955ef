/// How finely a checkpoint has most of its weights.
struct SourcePrecision {
  /// In the checkpoint's words, such as "Q4_K".
  let typeName: String
  /// Of a weight, scales included.
  let bitsPerWeight: Double

  var isQuantized: Bool { bitsPerWeight < 10 }

  init(_ checkpoint: any Checkpoint) {
    var counts: [String: (values: Int, bytes: Int)] = [:]
    for tensor in checkpoint.tensors {
      counts[tensor.type, default: (0, 0)].values += tensor.shape.reduce(1, *)
      counts[tensor.type]!.bytes += tensor.byteCount
    }
    let most = counts.max { ($0.value.values, $1.key) < ($1.value.values, $0.key) }
    typeName = most?.key ?? ""
    bitsPerWeight = most.map { 8 * Double($0.value.bytes) / Double(max($0.value.values, 1)) } ?? 0
  }
}
