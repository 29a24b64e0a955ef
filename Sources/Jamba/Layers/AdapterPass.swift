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
        AdapterScratch.forEachBlock(of: range) { block in
          let product = scratch.product(with: input.a, count: block.count)
          if let rows {
            engine.multiply(input.a, x, rows: rows.part(block), into: product.mutableValues)
          } else {
            engine.multiply(input.a, x, rows: block, into: product.mutableValues)
          }
          for (target, y) in outputs {
            guard let target = input.targets[target] else { continue }
            engine.add(target.b, product, firstColumn: target.firstColumn, scale: applied.scale, to: y.rows(block))
          }
        }
      }
    }
  }

  /// y += s B e, where e is the row of A that a token chooses.
  func addEmbeddings(of sequence: SequenceRows, to y: MutableRows) {
    for applied in sequence.state.adapters.adapters {
      guard let input = applied.adapter.embedding, let target = input.targets[TensorID(.embedding)] else { continue }
      AdapterScratch.forEachBlock(of: sequence.rows) { block in
        let product = scratch.embeddings(of: input.a, count: block.count)
        for row in 0..<block.count {
          let token = sequence.tokens[sequence.tokens.startIndex + block.lowerBound - sequence.rows.lowerBound + row]
          engine.decode(row: Int(token), of: input.a, into: product.mutableValues.rows(row..<row + 1))
        }
        engine.add(target.b, product, firstColumn: target.firstColumn, scale: applied.scale, to: y.rows(block))
      }
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

/// The scratch memory of adapters: a few tokens' products with A, by their width.
final class AdapterScratch {
  /// Tokens whose products are made together.
  private static let blockSize = 256
  private var products: [Int: Activations] = [:]

  /// Bytes of products of these widths.
  static func byteCount(widths: Set<Int>) -> Int {
    widths.reduce(0) {
      $0 + SystemMemory.wholePages(Activations.byteCount(width: $1, capacity: blockSize, codes: true))
    }
  }

  var widths: Set<Int> { Set(products.keys) }

  /// Makes room for products of other widths.
  ///
  /// - Throws: `outOfMemory`.
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

  static func forEachBlock(of range: Range<Int>, _ body: (Range<Int>) -> Void) {
    for start in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
      body(start..<min(start + blockSize, range.upperBound))
    }
  }
}
