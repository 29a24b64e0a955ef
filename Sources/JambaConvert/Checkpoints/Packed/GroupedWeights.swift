/// Codes row by row, and a scale for each block of them: (t[code] - zero) x scale x factor + bias, of which not all are
/// there.
struct GroupedWeights: PackedLayout {
  let shape: [Int]
  let type: String
  let parts: [StoredTensor]
  private let codes: BitCodes
  /// Where a row begins in the first part: rows may be padded.
  private let rowByteCount: Int
  /// The value of every code.
  private let table: [Float]
  private let grid: ScaleGrid
  private let scales: Scales
  private let zeroPoints: ZeroPoints?
  private let biases: Scales?
  private let factor: Float?
  /// The group of every column, where they are in no order.
  private let groupIndices: StoredTensor?

  /// Scales as they are stored: floats, or bytes that stand for some.
  struct Scales: Sendable {
    let tensor: StoredTensor
    let type: StoredFloat
    /// What they are divided by, or else multiplied by: a number for all of the tensor, or for each matrix.
    var common: Common?

    struct Common: Sendable {
      let tensor: StoredTensor
      let type: StoredFloat
      let divides: Bool
      /// What it is itself divided by.
      var divisor: Float = 1
    }

    /// - Parameter bytes: what bytes stand for.
    init?(_ tensor: StoredTensor, bytes: StoredFloat? = nil) {
      guard let type = tensor.float ?? (tensor.type == "U8" ? bytes : nil) else { return nil }
      self.tensor = tensor
      self.type = type
    }

    func read(_ numbers: Range<Int>, ofMatrix matrix: Int) throws(ConversionError) -> [Float] {
      var values = try tensor.floats(type, numbers)
      if let common {
        let place = common.tensor.count == 1 ? 0 : matrix
        let value = try common.tensor.floats(common.type, place..<place + 1)[0] / common.divisor
        for index in values.indices { values[index] = common.divides ? values[index] / value : values[index] * value }
      }
      return values
    }
  }

  init(
    shape: [Int], type: String, codes: StoredTensor, bits: Int, table: [Float], grid: ScaleGrid, scales: Scales,
    zeroPoints: ZeroPoints? = nil, biases: Scales? = nil, factor: Float? = nil, groupIndices: StoredTensor? = nil
  ) {
    self.shape = shape
    self.type = type
    self.codes = BitCodes(bits: bits)
    rowByteCount = codes.byteCount / shape.dropLast().reduce(1, *)
    self.table = table
    self.grid = grid
    self.scales = scales
    self.zeroPoints = zeroPoints
    self.biases = biases
    self.factor = factor
    self.groupIndices = groupIndices
    parts =
      [codes, scales.tensor]
      + [scales.common?.tensor, zeroPoints?.tensor, biases?.tensor, groupIndices].compactMap { $0 }
  }

  func codes(ofRows rows: Range<Int>) -> Range<Int>? {
    rows.lowerBound * rowByteCount..<rows.upperBound * rowByteCount
  }

  func read(
    _ rows: Range<Int>, ofMatrix matrix: Int, into values: inout MutableSpan<Float>
  ) throws(ConversionError) {
    let start = matrix * rowsOfMatrix
    let bytes = try parts[0].bytes(
      (start + rows.lowerBound) * rowByteCount..<(start + rows.upperBound) * rowByteCount)
    let first = grid.line(ofRow: rows.lowerBound, matrix: matrix)
    let lines = first..<grid.line(ofRow: rows.upperBound - 1, matrix: matrix) + grid.columns
    let scales = try scales.read(lines, ofMatrix: matrix)
    let biases = try biases?.read(lines, ofMatrix: matrix)
    let zeros = try zeroPoints?.read(rows, ofMatrix: matrix, grid: grid)
    let groups = try groups()
    for row in rows {
      let line = grid.line(ofRow: row, matrix: matrix) - first
      let (input, output) = ((row - rows.lowerBound) * rowByteCount, (row - rows.lowerBound) * columns)
      for column in 0..<columns {
        let group = groups.isEmpty ? column / grid.blockColumns : groups[column]
        var value = table[codes.code(column, in: bytes, from: input)]
        if let zeros { value -= zeros[(row - rows.lowerBound) * grid.columns + group] }
        value *= scales[line + group]
        if let factor { value *= factor }
        if let biases { value += biases[line + group] }
        values[output + column] = value
      }
    }
  }

  /// The group of every column; nothing where they are in order.
  private func groups() throws(ConversionError) -> [Int] {
    guard let groupIndices else { return [] }
    let groups = try groupIndices.integers()
    // What was never set says nothing.
    if groups.contains(-1) { return [] }
    guard groups.allSatisfy({ $0 >= 0 && $0 < grid.columns }) else {
      throw .damaged(
        path: groupIndices.file.path, reason: "\(groupIndices.name) names groups that are not there")
    }
    return groups
  }
}
