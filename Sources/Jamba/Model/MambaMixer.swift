import CKernels
import JambaFormat

/// A Mamba-1 mixer with Jamba's norms on dt, B and C (arXiv 2403.19887, section 3).
struct MambaMixer {
  let inProjection: Matrix  // [2 inner, hidden]
  let inBias: Vector?
  let convolution: Vector  // [taps, inner]
  let convolutionBias: Vector?
  let parameterProjection: Matrix  // x_proj [dtRank + 2 state, inner]
  let dtNorm: Vector
  let bNorm: Vector
  let cNorm: Vector
  let dtProjection: Matrix  // [inner, dtRank]
  let dtBias: Vector
  let a: Vector  // [state, inner]
  let d: Vector
  let outProjection: Matrix  // [hidden, inner]
  let outBias: Vector?

  init(_ weights: WeightView, _ c: ModelConfiguration, layer: Int) throws(JambaError) {
    let prefix = ModelTensors.layerPrefix(layer) + "mamba."
    inProjection = try weights.matrix(prefix + "in_proj.weight", 2 * c.innerSize, c.hiddenSize)
    inBias = c.mambaProjBias ? try weights.vector(prefix + "in_proj.bias", 2 * c.innerSize) : nil
    convolution = try weights.vector(prefix + "conv1d.weight", c.mambaDConv, c.innerSize)
    convolutionBias = c.mambaConvBias ? try weights.vector(prefix + "conv1d.bias", c.innerSize) : nil
    parameterProjection = try weights.matrix(
      prefix + "x_proj.weight", c.mambaDtRank + 2 * c.mambaDState, c.innerSize)
    dtNorm = try weights.vector(prefix + "dt_layernorm.weight", c.mambaDtRank)
    bNorm = try weights.vector(prefix + "b_layernorm.weight", c.mambaDState)
    cNorm = try weights.vector(prefix + "c_layernorm.weight", c.mambaDState)
    dtProjection = try weights.matrix(prefix + "dt_proj.weight", c.innerSize, c.mambaDtRank)
    dtBias = try weights.vector(prefix + "dt_proj.bias", c.innerSize)
    a = try weights.vector(prefix + "A", c.mambaDState, c.innerSize)
    d = try weights.vector(prefix + "D", c.innerSize)
    outProjection = try weights.matrix(prefix + "out_proj.weight", c.hiddenSize, c.innerSize)
    outBias = c.mambaProjBias ? try weights.vector(prefix + "out_proj.bias", c.hiddenSize) : nil
  }

  /// Mixes `count` tokens: `workspace.normed` in, `workspace.output` out, `state` advanced.
  func forward(_ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ state: MambaState, _ count: Int) {
    let inner = c.innerSize

    // x, z = in_proj(h)
    engine.quantize(w.normed, count, for: inProjection)
    engine.multiply(inProjection, w.normed, count, into: w.projected.values)
    if let inBias { engine.add(inBias, count, to: w.projected.values) }
    let x = w.projected.values
    let z = w.projected.values.dropping(inner)

    // u = silu(conv1d(x) + bias)
    unsafe engine.convolve(
      jk_convolution(
        x: x.base, x_stride: x.stride, weight: convolution.base, bias: convolutionBias?.base,
        history: state.convolution, next_history: state.convolution, y: w.inner.values.base, y_stride: w.inner.values.stride, channels: inner,
        taps: c.mambaDConv, tokens: count))

    // dt, B, C = split(x_proj(u)), each normalized
    engine.quantize(w.inner, count, for: parameterProjection)
    engine.multiply(parameterProjection, w.inner, count, into: w.parameters.values)
    let parameters = w.parameters.values
    engine.normalize(parameters, by: dtNorm, epsilon: c.rmsNormEps, count, into: w.dtNormed.values)
    engine.normalize(
      parameters.dropping(c.mambaDtRank), by: bNorm, epsilon: c.rmsNormEps, count, into: w.b.values)
    engine.normalize(
      parameters.dropping(c.mambaDtRank + c.mambaDState), by: cNorm, epsilon: c.rmsNormEps, count, into: w.c.values)

    // dt = softplus(dt_proj(dt) + bias); s = exp(dt A) s + dt B u; y = (C s + D u) silu(z)
    engine.quantize(w.dtNormed, count, for: dtProjection)
    engine.multiply(dtProjection, w.dtNormed, count, into: w.dt.values)
    unsafe engine.scan(
      jk_scan_arguments(
        u: w.inner.values.base, u_stride: w.inner.values.stride, dt: w.dt.values.base, dt_stride: w.dt.values.stride,
        dt_bias: dtBias.base, a: a.base, b: w.b.values.base, c: w.c.values.base, b_stride: w.b.values.stride,
        c_stride: w.c.values.stride, d: d.base, z: z.base, z_stride: z.stride, state: state.scan, next_state: state.scan,
        y: w.gated.values.base, y_stride: w.gated.values.stride, channels: inner, state_size: c.mambaDState,
        tokens: count))

    engine.quantize(w.gated, count, for: outProjection)
    engine.multiply(outProjection, w.gated, count, into: w.output.values)
    if let outBias { engine.add(outBias, count, to: w.output.values) }
  }
}
