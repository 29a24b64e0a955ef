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

  init(_ tensors: TensorTable, layer: Int) throws(JambaError) {
    inProjection = try tensors.matrix(.inProjection, layer: layer)
    inBias = try tensors.optionalVector(.inBias, layer: layer)
    convolution = try tensors.vector(.convolution, layer: layer)
    convolutionBias = try tensors.optionalVector(.convolutionBias, layer: layer)
    parameterProjection = try tensors.matrix(.parameterProjection, layer: layer)
    dtNorm = try tensors.vector(.dtNorm, layer: layer)
    bNorm = try tensors.vector(.bNorm, layer: layer)
    cNorm = try tensors.vector(.cNorm, layer: layer)
    dtProjection = try tensors.matrix(.dtProjection, layer: layer)
    dtBias = try tensors.vector(.dtBias, layer: layer)
    a = try tensors.vector(.a, layer: layer)
    d = try tensors.vector(.d, layer: layer)
    outProjection = try tensors.matrix(.outProjection, layer: layer)
    outBias = try tensors.optionalVector(.outBias, layer: layer)
  }

  /// Mixes the tokens of the pass's sequences: `workspace.normed` in, `workspace.output` out. Each sequence's state of the
  /// layer is advanced, or, with a trace, left as it is, and the trace holds what `replay` needs to advance it.
  func forward(_ pass: Pass, layer: Int) {
    let (c, w) = (pass.configuration, pass.workspace)

    // x, z = in_proj(h)
    pass.multiply(inProjection, w.normed, into: w.projected)
    pass.add(inBias, to: w.projected)
    let x = w.projected.values.columns(0..<c.innerSize)
    let z = w.projected.values.columns(c.innerSize..<2 * c.innerSize)

    // u = silu(conv1d(x) + bias)
    for sequence in pass.sequences {
      let (rows, trace) = (sequence.rows, sequence.trace?.mamba(layer))
      trace?.x.rows(0..<rows.count).copy(x.rows(rows))
      convolve(pass, x.rows(rows), sequence.state.mamba(layer), advances: trace == nil, into: w.inner, rows)
    }

    // dt, B, C = split(x_proj(u)), each normalized
    pass.multiply(parameterProjection, w.inner, into: w.parameters)
    let (bStart, cStart) = (c.mambaDtRank, c.mambaDtRank + c.mambaDState)
    pass.normalize(w.parameters.values.columns(0..<bStart), by: dtNorm, into: w.dtNormed)
    pass.normalize(w.parameters.values.columns(bStart..<cStart), by: bNorm, into: w.b)
    pass.normalize(w.parameters.values.columns(cStart..<cStart + c.mambaDState), by: cNorm, into: w.c)

    // dt = softplus(dt_proj(dt) + bias); s = exp(dt A) s + dt B u; y = (C s + D u) silu(z)
    pass.multiply(dtProjection, w.dtNormed, into: w.dt)
    for sequence in pass.sequences {
      let (rows, trace) = (sequence.rows, sequence.trace?.mamba(layer))
      let (dt, b) = (w.dt.values.rows(rows), w.b.values.rows(rows))
      trace?.dt.rows(0..<rows.count).copy(dt)
      trace?.b.rows(0..<rows.count).copy(b)
      scan(
        pass, u: w.inner.values.rows(rows), dt: dt, b: b, c: w.c.values.rows(rows), z: z.rows(rows),
        sequence.state.mamba(layer), advances: trace == nil, into: w.gated, rows)
    }

    pass.multiply(outProjection, w.gated, into: w.output)
    pass.add(outBias, to: w.output)
  }

  /// Advances `state` by the first `count` tokens of a traced pass: the same inputs, so the same bits.
  func replay(_ trace: MambaTrace, _ pass: Pass, _ state: MambaState, _ count: Int) {
    let (w, rows) = (pass.workspace, 0..<count)
    let (dt, b) = (trace.dt.values.rows(rows), trace.b.values.rows(rows))
    convolve(pass, trace.x.values.rows(rows), state, advances: true, into: w.inner, rows)
    // What comes out is of no interest, so anything does for C and z.
    scan(pass, u: w.inner.values.rows(rows), dt: dt, b: b, c: b, z: dt, state, advances: true, into: w.gated, rows)
  }

  private func convolve(
    _ pass: Pass, _ x: Rows, _ state: MambaState, advances: Bool, into y: Activations, _ rows: Range<Int>
  ) {
    pass.engine.convolve(
      x, weight: pass[convolution], bias: convolutionBias.map { pass[$0] }, history: state.convolution,
      advances: advances, into: y.mutableValues.rows(rows))
  }

  private func scan(
    _ pass: Pass, u: Rows, dt: Rows, b: Rows, c: Rows, z: Rows, _ state: MambaState, advances: Bool,
    into y: Activations, _ rows: Range<Int>
  ) {
    pass.engine.scan(
      .init(u: u, dt: dt, dtBias: pass[dtBias], a: pass[a], b: b, c: c, d: pass[d], z: z), state: state.scan,
      advances: advances, into: y.mutableValues.rows(rows))
  }
}
