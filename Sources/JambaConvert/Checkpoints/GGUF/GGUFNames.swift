import JambaFormat

/// llama.cpp's names for the tensors of a Jamba model (src/llama-arch.cpp, conversion/jamba.py).
enum GGUFNames {
  static let embedding = "token_embd.weight"
  static let head = "output.weight"

  /// - Parameter isFused: whether it is the tensor that all experts of the layer have together.
  static func name(_ role: TensorRole, layer: Int?, isFused: Bool = false) -> String {
    (layer.map { "blk.\($0)." } ?? "") + end(role, isFused: isFused)
  }

  private static func end(_ role: TensorRole, isFused: Bool) -> String {
    switch role {
    case .embedding: embedding
    case .finalNorm: "output_norm.weight"
    case .head: head
    case .inputNorm: "attn_norm.weight"
    case .feedForwardNorm: "ffn_norm.weight"
    case .inProjection: "ssm_in.weight"
    case .inBias: "ssm_in.bias"
    case .convolution: "ssm_conv1d.weight"
    case .convolutionBias: "ssm_conv1d.bias"
    case .parameterProjection: "ssm_x.weight"
    case .dtNorm: "ssm_dt_norm.weight"
    case .bNorm: "ssm_b_norm.weight"
    case .cNorm: "ssm_c_norm.weight"
    case .dtProjection: "ssm_dt.weight"
    case .dtBias: "ssm_dt.bias"
    case .a: "ssm_a"
    case .d: "ssm_d"
    case .outProjection: "ssm_out.weight"
    case .outBias: "ssm_out.bias"
    case .queryProjection: "attn_q.weight"
    case .keyProjection: "attn_k.weight"
    case .valueProjection: "attn_v.weight"
    case .attentionOutProjection: "attn_output.weight"
    case .router: "ffn_gate_inp.weight"
    case .gateProjection: isFused ? "ffn_gate_exps.weight" : "ffn_gate.weight"
    case .upProjection: isFused ? "ffn_up_exps.weight" : "ffn_up.weight"
    case .downProjection: isFused ? "ffn_down_exps.weight" : "ffn_down.weight"
    }
  }

  /// Where a file has a tensor of the model.
  static func place(of tensor: TensorSpecification, in configuration: ModelConfiguration) -> TensorPlace {
    let (role, layer) = (tensor.id.role, tensor.id.layer)
    if let expert = tensor.id.expert {
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      return TensorPlace(
        name: name(role, layer: layer, isFused: true), shape: [configuration.numExperts, rows, columns],
        rows: expert * rows..<(expert + 1) * rows)
    }
    let name = name(role, layer: layer)
    switch role.traits.source {
    case .same:
      return TensorPlace(
        name: name, shape: tensor.shape, rows: 0..<tensor.shape.dropLast().reduce(1, *))
    // The middle of the convolution's three dimensions, which is 1, is gone, and A is A already.
    case .transposed, .logarithm:
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      return TensorPlace(name: name, shape: [columns, rows], rows: 0..<columns, content: .transposed)
    }
  }
}
