import CKernels
import JambaFormat

/// A Mamba-1 mixer with Jamba's norms on dt, B and C (arXiv 2403.19887, section 3).
struct MambaMixer {
  let inProjection: Matrix  // [2 inner, hidden]: x, then z
  let inBias: Vector?  // [2 inner]
  let convolution: Vector  // [taps, inner]
  let convolutionBias: Vector?  // [inner]
  let parameterProjection: Matrix  // x_proj [dtRank + 2 state, inner]
  let dtNorm: Vector  // [dtRank]
  let bNorm: Vector  // [state]
  let cNorm: Vector  // [state]
  let dtProjection: Matrix  // [inner, dtRank]
  let dtBias: Vector  // [inner]
  let a: Vector  // [state, inner]
  let d: Vector  // [inner]
  let outProjection: Matrix  // [hidden, inner]
  let outBias: Vector?  // [hidden]

  init(_ weights: WeightView, layer: Int) throws(JambaError) {
    inProjection = try weights.matrix(.inProjection, layer: layer)
    inBias = try weights.optionalVector(.inBias, layer: layer)
    convolution = try weights.vector(.convolution, layer: layer)
    convolutionBias = try weights.optionalVector(.convolutionBias, layer: layer)
    parameterProjection = try weights.matrix(.parameterProjection, layer: layer)
    dtNorm = try weights.vector(.dtNorm, layer: layer)
    bNorm = try weights.vector(.bNorm, layer: layer)
    cNorm = try weights.vector(.cNorm, layer: layer)
    dtProjection = try weights.matrix(.dtProjection, layer: layer)
    dtBias = try weights.vector(.dtBias, layer: layer)
    a = try weights.vector(.a, layer: layer)
    d = try weights.vector(.d, layer: layer)
    outProjection = try weights.matrix(.outProjection, layer: layer)
    outBias = try weights.optionalVector(.outBias, layer: layer)
  }

  /// Mixes the tokens of some sequences, `count` in all: `workspace.normed` in, `workspace.output` out. Each sequence's
  /// state of the layer is advanced, or, with a trace, left as it is, and the trace holds what `replay` needs to advance it.
  func forward(
    _ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ sequences: [SequenceRows], layer: Int, _ count: Int
  ) {
    let inner = c.innerSize

    // x, z = in_proj(h)
    engine.quantize(w.normed, count, for: inProjection)
    engine.multiply(inProjection, w.normed, count, into: w.projected.values)
    if let inBias { engine.add(inBias, count, to: w.projected.values) }
    let x = w.projected.values
    let z = w.projected.values.dropping(inner)

    // u = silu(conv1d(x) + bias)
    for sequence in sequences {
      let (first, count) = (sequence.rows.lowerBound, sequence.rows.count)
      sequence.trace?.mamba(layer).x.copy(x.row(first), width: inner, rows: count)
      convolve(
        engine, c, x.row(first), sequence.state.mamba(layer), advances: sequence.trace == nil, count,
        into: w.inner.values.row(first))
    }

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
    for sequence in sequences {
      let (first, count) = (sequence.rows.lowerBound, sequence.rows.count)
      let (dt, b) = (w.dt.values.row(first), w.b.values.row(first))
      if let trace = sequence.trace?.mamba(layer) {
        trace.dt.copy(dt, width: inner, rows: count)
        trace.b.copy(b, width: c.mambaDState, rows: count)
      }
      scan(
        engine, c, u: w.inner.values.row(first), dt: dt, b: b, c: w.c.values.row(first), z: z.row(first),
        sequence.state.mamba(layer), advances: sequence.trace == nil, count, into: w.gated.values.row(first))
    }

    engine.quantize(w.gated, count, for: outProjection)
    engine.multiply(outProjection, w.gated, count, into: w.output.values)
    if let outBias { engine.add(outBias, count, to: w.output.values) }
  }

  /// Advances `state` by the first `count` tokens of a traced pass: the same inputs, so the same bits.
  func replay(
    _ trace: MambaTrace, _ engine: Engine, _ c: ModelConfiguration, _ w: Workspace, _ state: MambaState, _ count: Int
  ) {
    convolve(engine, c, trace.x, state, advances: true, count, into: w.inner.values)
    // What comes out is of no interest, so anything does for C and z.
    scan(
      engine, c, u: w.inner.values, dt: trace.dt, b: trace.b, c: trace.b, z: trace.dt, state, advances: true, count,
      into: w.gated.values)
  }

  private func convolve(
    _ engine: Engine, _ c: ModelConfiguration, _ x: Columns, _ state: MambaState, advances: Bool, _ count: Int,
    into y: Columns
  ) {
    unsafe engine.convolve(
      jk_convolution(
        x: x.base, x_stride: x.stride, weight: convolution.base, bias: convolutionBias?.base,
        history: state.convolution, next_history: advances ? state.convolution : nil, y: y.base, y_stride: y.stride,
        channels: c.innerSize, taps: c.mambaDConv, tokens: count))
  }

  private func scan(
    _ engine: Engine, _ configuration: ModelConfiguration, u: Columns, dt: Columns, b: Columns, c: Columns, z: Columns,
    _ state: MambaState, advances: Bool, _ count: Int, into y: Columns
  ) {
    unsafe engine.scan(
      jk_scan_arguments(
        u: u.base, u_stride: u.stride, dt: dt.base, dt_stride: dt.stride, dt_bias: dtBias.base, a: a.base, b: b.base,
        c: c.base, b_stride: b.stride, c_stride: c.stride, d: d.base, z: z.base, z_stride: z.stride, state: state.scan,
        next_state: advances ? state.scan : nil, y: y.base, y_stride: y.stride, channels: configuration.innerSize,
        state_size: configuration.mambaDState, tokens: count))
  }
}
