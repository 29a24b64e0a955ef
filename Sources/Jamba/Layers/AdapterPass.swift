import JambaFormat
import JambaSystem

/// The adapters of a pass: rows that are computed with the same ones, and how their changes come to products.
///
/// A token's change is made of its own row and its sequence's adapters alone, by the products that weights have, so its bits
/// are those that it would get alone.
struct AdapterPass {
  private struct Segment {
    var rows: Range<Int>
    let stack: AdapterStack
  }

  private var segments: [Segment] = []
  private let engine: Engine
  private let scratch: AdapterScratch

  /// nil where no sequence has an adapter.
  init?(_ sequences: [SequenceRows], _ engine: Engine, _ workspace: Workspace) {
    guard let scratch = workspace.adapters, sequences.contains(where: { !$0.state.adapters.isEmpty }) else { return nil }
    self.engine = engine
    self.scratch = scratch
    for sequence in sequences { append(sequence.rows, sequence.state.adapters) }
  }

  /// The same for some rows of a pass, ascending, that have been put one after the other.
  init?(rows: some Collection<Int>, of sequences: [SequenceRows], _ engine: Engine, _ workspace: Workspace) {
    guard let scratch = workspace.adapters, sequences.contains(where: { !$0.state.adapters.isEmpty }) else { return nil }
    self.engine = engine
    self.scratch = scratch
    for (index, row) in rows.enumerated() {
      guard let sequence = sequences.first(where: { $0.rows.contains(row) }) else { continue }
      append(index..<index + 1, sequence.state.adapters)
    }
  }

  private mutating func append(_ rows: Range<Int>, _ stack: AdapterStack) {
    if let last = segments.last, last.rows.upperBound == rows.lowerBound, last.stack == stack {
      segments[segments.count - 1].rows = last.rows.lowerBound..<rows.upperBound
    } else if !stack.isEmpty {
      segments.append(Segment(rows: rows, stack: stack))
    }
  }

  /// y += s B (A x) for matrices that read the same x, whose product with A is made once.
  ///
  /// - Parameters:
  ///   - rows: where y[i] is of x[rows[i]].
  ///   - tokens: the rows of the pass that those of y are of, ascending; nil where they are the pass's.
  func add(
    _ outputs: [(target: TensorID, y: MutableRows)], of x: Activations, rows: IndexList?, tokens: IndexList?
  ) {
    guard let owner = outputs.first?.target.inputOwner else { return }
    for segment in segments {
      let range = tokens.map { AdapterPass.entries(of: segment.rows, in: $0) } ?? segment.rows
      for applied in segment.stack.adapters {
        guard let input = applied.adapter[owner] else { continue }
        scratch.forEachBlock(of: range, AdapterScratch.blockSize) { block in
          let product = scratch.product(with: input.a, count: block.count)
          if let rows {
            engine.multiply(input.a, x, rows: rows.part(block), into: product.mutableValues)
          } else {
            engine.multiply(input.a, x, rows: block, firstColumn: 0, into: product.mutableValues)
          }
          for (target, y) in outputs {
            guard let target = input.targets[target] else { continue }
            add(target, product, applied.scale, to: y.rows(block))
          }
        }
      }
    }
  }

  /// y += s B e, where e is the row of A that a token chooses.
  func addEmbeddings(of sequence: SequenceRows, to y: MutableRows) {
    for applied in sequence.state.adapters.adapters {
      guard let input = applied.adapter.embedding, let target = input.targets[TensorID(.embedding)] else { continue }
      scratch.forEachBlock(of: sequence.rows, AdapterScratch.blockSize) { block in
        let product = scratch.embeddings(of: input.a, count: block.count)
        for row in 0..<block.count {
          let token = sequence.tokens[sequence.tokens.startIndex + block.lowerBound - sequence.rows.lowerBound + row]
          engine.decode(row: Int(token), of: input.a, into: product.mutableValues.rows(row..<row + 1))
        }
        add(target, product, applied.scale, to: y.rows(block))
      }
    }
  }

  private func add(_ target: LowRankInput.Target, _ product: Activations, _ scale: Float, to y: MutableRows) {
    scratch.forEachBlock(of: 0..<y.count, scratch.rowCount(of: target.b)) { rows in
      let change = scratch.change(of: target.b, count: rows.count)
      engine.multiply(target.b, product, rows: rows, firstColumn: target.firstColumn, into: change)
      engine.add(change.values, scaledBy: scratch.scales(scale, count: rows.count), to: y.rows(rows))
    }
  }

  /// Where the ascending `tokens` are those of `rows`.
  private static func entries(of rows: Range<Int>, in tokens: IndexList) -> Range<Int> {
    var (first, end) = (0, tokens.count)
    while first < end, tokens[first] < rows.lowerBound { first += 1 }
    while end > first, tokens[end - 1] >= rows.upperBound { end -= 1 }
    return first..<end
  }
}

/// The scratch memory of adapters: a few tokens' products with A and with B, small enough for a processor's cache.
@safe
final class AdapterScratch {
  /// Tokens whose products with A are made together.
  static let blockSize = 64
  /// Floats of the products with B.
  private static let changeSize = 1 << 17

  /// By width.
  private var products: [Int: Activations] = [:]
  private let changes: AlignedBuffer
  private let changeCapacity: Int
  private let scaleBuffer: AlignedBuffer

  /// Bytes for adapters of a model, whose widest product with an A has `width` columns.
  static func byteCount(_ c: ModelConfiguration, widths: Set<Int>) -> Int {
    widths.reduce(4 * capacity(c) + 4 * blockSize) {
      $0 + SystemMemory.wholePages(Activations.byteCount(width: $1, capacity: blockSize, codes: true))
    }
  }

  /// Room for a token's product with any B.
  private static func capacity(_ c: ModelConfiguration) -> Int {
    TensorRole.allCases.filter { $0.traits.kind == .matrix }.reduce(changeSize) {
      max($0, $1.traits.shape(in: c)[0] + 8, $1.traits.shape(in: c)[1] + 8)
    }
  }

  /// - Throws: `outOfMemory`.
  init(_ c: ModelConfiguration) throws(JambaError) {
    changeCapacity = AdapterScratch.capacity(c)
    do {
      changes = try AlignedBuffer(byteCount: 4 * changeCapacity)
      scaleBuffer = try AlignedBuffer(byteCount: 4 * AdapterScratch.blockSize)
    } catch { throw .outOfMemory(byteCount: 4 * AdapterScratch.capacity(c)) }
  }

  var widths: Set<Int> { Set(products.keys) }

  /// Makes room for products of other widths.
  func makeRoom(for widths: Set<Int>) throws(JambaError) {
    for width in widths where products[width] == nil {
      products[width] = try Activations(width: width, capacity: AdapterScratch.blockSize)
    }
  }

  func product(with a: MatrixView, count: Int) -> Activations { activations(a.rows, count) }
  func embeddings(of a: MatrixView, count: Int) -> Activations { activations(a.columns, count) }

  private func activations(_ width: Int, _ count: Int) -> Activations {
    guard let activations = products[width] else { preconditionFailure("no room has been made for the adapter") }
    activations.resize(to: count)
    return activations
  }

  /// Tokens whose products with B are made together.
  func rowCount(of b: MatrixView) -> Int {
    max(1, min(AdapterScratch.blockSize, AdapterScratch.changeSize / AdapterScratch.stride(b)))
  }

  private static func stride(_ b: MatrixView) -> Int { (b.rows + 7) / 8 * 8 }

  /// Room for products with B, `[count, rows of B]`.
  func change(of b: MatrixView, count: Int) -> MutableRows {
    let stride = AdapterScratch.stride(b)
    precondition(count * stride <= changeCapacity, "more products than there is room for")
    return unsafe MutableRows(
      base: changes.pointer(to: Float.self), count: count, width: b.rows, stride: stride, padding: stride - b.rows)
  }

  func scales(_ scale: Float, count: Int) -> ScaleList {
    let base = unsafe scaleBuffer.pointer(to: Float.self)
    for index in 0..<count { unsafe base[index] = scale }
    return unsafe ScaleList(base: base, count: count)
  }

  func forEachBlock(of range: Range<Int>, _ size: Int, _ body: (Range<Int>) -> Void) {
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(start + size, range.upperBound)
      body(start..<end)
      start = end
    }
  }
}
