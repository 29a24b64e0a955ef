/// The part that a tensor has in a Jamba model. What is known of each stands in `traits`, once; names and shapes in the
/// checkpoint, in the .jamba file and in the layers follow from there.
///
/// Their order is that of the tensors in a .jamba file.
package enum TensorRole: CaseIterable, Sendable {
  case embedding, finalNorm, head
  case inputNorm, feedForwardNorm
  // The Mamba mixer.
  case inProjection, inBias, convolution, convolutionBias, parameterProjection, dtNorm, bNorm, cNorm
  case dtProjection, dtBias, a, d, outProjection, outBias
  // The attention mixer.
  case queryProjection, keyProjection, valueProjection, attentionOutProjection
  // The feed-forward part. The projections are those of a dense one, or of each expert of a mixture.
  case router, gateProjection, upProjection, downProjection
}

extension TensorRole {
  /// The list: all that is known of a tensor by its role.
  package var traits: TensorTraits {
    switch self {
    case .embedding: .matrix("embed_tokens.weight", in: .model, .vocabulary, .hidden, family: "embedding")
    case .finalNorm: .vector("final_layernorm.weight", in: .model, .hidden)
    case .head: .matrix("lm_head.weight", in: .outside, .vocabulary, .hidden, family: "head", if: .isUntied)

    case .inputNorm: .vector("input_layernorm.weight", in: .layer, .hidden)
    case .feedForwardNorm: .vector("pre_ff_layernorm.weight", in: .layer, .hidden, once: "pre_moe_layernorm.weight")

    case .inProjection: .matrix("in_proj.weight", in: .mamba, .twiceInner, .hidden, family: "Mamba in_proj")
    case .inBias: .vector("in_proj.bias", in: .mamba, .twiceInner, if: .hasProjectionBias)
    case .convolution: .vector("conv1d.weight", in: .mamba, .taps, .inner, from: .transposed(inTheMiddle: .one))
    case .convolutionBias: .vector("conv1d.bias", in: .mamba, .inner, if: .hasConvolutionBias)
    case .parameterProjection: .matrix("x_proj.weight", in: .mamba, .parameters, .inner, family: "Mamba x_proj")
    case .dtNorm: .vector("dt_layernorm.weight", in: .mamba, .dtRank)
    case .bNorm: .vector("b_layernorm.weight", in: .mamba, .state, once: "B_layernorm.weight")
    case .cNorm: .vector("c_layernorm.weight", in: .mamba, .state, once: "C_layernorm.weight")
    case .dtProjection: .matrix("dt_proj.weight", in: .mamba, .inner, .dtRank, family: "Mamba dt_proj")
    case .dtBias: .vector("dt_proj.bias", in: .mamba, .inner)
    case .a: .vector("A", in: .mamba, .state, .inner, from: .logarithm(named: "A_log"))
    case .d: .vector("D", in: .mamba, .inner)
    case .outProjection: .matrix("out_proj.weight", in: .mamba, .hidden, .inner, family: "Mamba out_proj")
    case .outBias: .vector("out_proj.bias", in: .mamba, .hidden, if: .hasProjectionBias)

    case .queryProjection: .matrix("q_proj.weight", in: .attention, .queries, .hidden, family: "attention")
    case .keyProjection:
      .matrix("k_proj.weight", in: .attention, .keys, .hidden, family: "attention", inputOf: .queryProjection)
    case .valueProjection:
      .matrix("v_proj.weight", in: .attention, .keys, .hidden, family: "attention", inputOf: .queryProjection)
    case .attentionOutProjection: .matrix("o_proj.weight", in: .attention, .hidden, .queries, family: "attention")

    case .router:
      .matrix("router.weight", in: .mixture, .experts, .hidden, family: "router", leastPrecision: .f32)
    case .gateProjection:
      .matrix(
        "gate_proj.weight", in: .feedForward, .intermediate, .hidden, family: "MLP",
        fused: .init(name: "gate_up_proj", part: 0, count: 2))
    case .upProjection:
      .matrix(
        "up_proj.weight", in: .feedForward, .intermediate, .hidden, family: "MLP", inputOf: .gateProjection,
        fused: .init(name: "gate_up_proj", part: 1, count: 2))
    case .downProjection:
      .matrix(
        "down_proj.weight", in: .feedForward, .hidden, .intermediate, family: "MLP",
        fused: .init(name: "down_proj", part: 0, count: 1))
    }
  }
}
