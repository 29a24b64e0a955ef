/// How several tensors of a file hold the numbers of one: codes, and what turns them into numbers.
///
/// Numbers are `[..., rows, columns]`, matrix behind matrix.
protocol PackedLayout: Sendable {
  /// Extents of the numbers, outermost first; none is 0, and there are at least two.
  var shape: [Int] { get }
  /// What the numbers are, such as "F8_E4M3": a word for reports.
  var type: String { get }
  /// The tensors that hold them, the codes first.
  var parts: [StoredTensor] { get }

  /// Some rows of a matrix as float32, in memory that grows with them alone. For several threads at the same time.
  ///
  /// - Throws: `system`; `damaged` where a companion says what cannot be.
  func read(
    _ rows: Range<Int>, ofMatrix matrix: Int, into values: inout MutableSpan<Float>
  ) throws(ConversionError)

  /// The bytes of the codes of some rows; nil where rows do not lie together.
  func codes(ofRows rows: Range<Int>) -> Range<Int>?
}

/// Tensors of a file that are understood together, found by their names and types; whether they fit is seen in `layout`.
protocol PackedFamily {
  /// - Returns: nil for codes of another family.
  init?(_ codes: StoredTensor, in search: PackedSearch)

  /// The name of the tensor that they are, as in a checkpoint of floats.
  var name: String { get }
  var companions: [StoredTensor] { get }

  /// - Throws: why they cannot be read.
  func layout() throws(PackedFault) -> any PackedLayout
}

/// Why tensors that belong together cannot be read.
enum PackedFault: Error {
  /// What follows the tensor's name in a sentence.
  case clause(String)
  case conversion(ConversionError)
}

/// Where families look for companions.
struct PackedSearch {
  let shards: SafetensorsShards
  let settings: QuantizationSettings?
  let strips = StripCache()

  subscript(name: String) -> StoredTensor? { shards[name] }

  /// The first of several names that is there.
  func first(_ names: String...) -> StoredTensor? { names.lazy.compactMap { shards[$0] }.first }
}

extension PackedLayout {
  var rowsOfMatrix: Int { shape[shape.count - 2] }
  var columns: Int { shape[shape.count - 1] }
  var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

  /// Numbers that are decoded at a time, where a row has less: little enough to stay in a processor's cache.
  private static var pieceCount: Int { 64 << 10 }

  /// Some rows as float32, of all matrices, a piece at a time.
  func read(_ rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) throws(ConversionError) {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let matrix = row / rowsOfMatrix
      let first = row % rowsOfMatrix
      let count = min(max(8, Self.pieceCount / columns), rows.upperBound - row, rowsOfMatrix - first)
      let start = (row - rows.lowerBound) * columns
      let piece = unsafe UnsafeMutableBufferPointer(rebasing: values[start..<start + count * columns])
      var output = unsafe piece.mutableSpan
      try read(first..<first + count, ofMatrix: matrix, into: &output)
      row += count
    }
  }

  func prepare(_ rows: Range<Int>) { parts[0].prepare(codes(ofRows: rows) ?? 0..<parts[0].byteCount) }

  /// What does not lie row by row stays in the system's cache until its last rows are released.
  func release(_ rows: Range<Int>) {
    if let range = codes(ofRows: rows) {
      parts[0].forget(range)
    } else if rows.upperBound == shape.dropLast().reduce(1, *) {
      parts[0].forget(0..<parts[0].byteCount)
    }
  }
}
