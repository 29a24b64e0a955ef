/// Codes that lie column by column. What rows need of them is read a strip of rows at a time, and kept while rows of it
/// are asked for.
struct ColumnPackedWeights: PackedLayout {
  let shape: [Int]
  let type: String
  let parts: [StoredTensor]
  private let scaleType: StoredFloat
  private let groupIndices: StoredTensor?
  private let groupSize: Int
  private let order: Order
  private let cache: StripCache
  /// Rows of a strip.
  private let stripRows: Int

  enum Order: Sendable {
    /// GPTQ: a word holds codes of one row, which go on in the word below; zero points are stored less an offset.
    case downwards(BitCodes, zeroOffset: Int)
    /// AWQ: a word holds codes of eight rows in four bits each: 0, 2, 4, 6, 1, 3, 5, 7.
    case interleaved
  }

  init(
    shape: [Int], type: String, codes: StoredTensor, zeros: StoredTensor, scales: StoredTensor, scaleType: StoredFloat,
    groupIndices: StoredTensor?, groupSize: Int, order: Order, cache: StripCache
  ) {
    self.shape = shape
    self.type = type
    parts = [codes, zeros, scales] + (groupIndices.map { [$0] } ?? [])
    self.scaleType = scaleType
    self.groupIndices = groupIndices
    self.groupSize = groupSize
    self.order = order
    self.cache = cache
    let byteCountOfRow = max(1, codes.byteCount / shape[0])
    stripRows = min(512, max(32, ColumnPackedWeights.stripByteCount / byteCountOfRow / 32 * 32))
  }

  /// What a strip takes at most, unless 32 rows take more.
  private static let stripByteCount = 2 << 20

  func codes(ofRows rows: Range<Int>) -> Range<Int>? { nil }

  /// What some rows need.
  struct Strip: Sendable {
    let rows: Range<Int>
    /// Row behind row, or as they are stored.
    var codes: [UInt8] = []
    var zeros: [UInt8] = []
    /// `[groups, rows]`
    var scales: [Float] = []
    /// Of every column.
    var groups: [Int] = []
  }

  func read(
    _ rows: Range<Int>, ofMatrix matrix: Int, into values: inout MutableSpan<Float>
  ) throws(ConversionError) {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let strip = try strip(of: row)
      for row in row..<min(strip.rows.upperBound, rows.upperBound) {
        decode(row - strip.rows.lowerBound, of: strip, into: &values, from: (row - rows.lowerBound) * columns)
      }
      row = strip.rows.upperBound
    }
  }

  private func decode(_ row: Int, of strip: Strip, into values: inout MutableSpan<Float>, from first: Int) {
    let groupCount = parts[2].shape[0]
    let count = strip.rows.count
    switch order {
    case .downwards(let codes, let offset):
      let width = 4 * codes.wordCount(columns)
      let zeroWidth = strip.zeros.count / groupCount
      let mask = 1 << codes.bits - 1
      let zeros = (0..<groupCount).map {
        Float((codes.code(row, in: strip.zeros, from: $0 * zeroWidth) + offset) & mask)
      }
      for column in 0..<columns {
        let group = strip.groups[column]
        let code = Float(codes.code(column, in: strip.codes, from: row * width))
        values[first + column] = strip.scales[group * count + row] * (code - zeros[group])
      }
    case .interleaved:
      let place = [0, 4, 1, 5, 2, 6, 3, 7][row % 8]
      let (byte, shift) = (row / 8 * 4 + place / 2, place % 2 * 4)
      let width = count / 2
      for column in 0..<columns {
        let group = strip.groups[column]
        let code = Int(strip.codes[column * width + byte]) >> shift & 15
        let zero = Int(strip.zeros[group * width + byte]) >> shift & 15
        values[first + column] = strip.scales[group * count + row] * Float(code - zero)
      }
    }
  }

  private func strip(of row: Int) throws(ConversionError) -> Strip {
    let first = row / stripRows * stripRows
    return try cache.strip(StripCache.Key(tensor: parts[0].name, row: first)) { () throws(ConversionError) in
      try read(first..<min(first + stripRows, shape[0]))
    }
  }

  private func read(_ rows: Range<Int>) throws(ConversionError) -> Strip {
    let (codes, zeros, scales) = (parts[0], parts[1], parts[2])
    var strip = Strip(rows: rows)
    switch order {
    case .downwards(let bitCodes, _):
      let height = codes.shape[0]
      let words = try codes.bytes(
        4 * rows.lowerBound..<4 * rows.upperBound, ofRows: 0..<height, rowByteCount: 4 * codes.shape[1])
      strip.codes = [UInt8](repeating: 0, count: words.count)
      for row in 0..<rows.count {
        for word in 0..<height {
          for byte in 0..<4 {
            strip.codes[4 * (row * height + word) + byte] = words[4 * (word * rows.count + row) + byte]
          }
        }
      }
      // Strips begin with a word of zero points.
      let range = bitCodes.byteCount(rows.lowerBound)..<bitCodes.byteCount(rows.upperBound)
      strip.zeros = try zeros.bytes(range, ofRows: 0..<zeros.shape[0], rowByteCount: 4 * zeros.shape[1])
    case .interleaved:
      let range = rows.lowerBound / 2..<rows.upperBound / 2
      strip.codes = try codes.bytes(range, ofRows: 0..<columns, rowByteCount: 4 * codes.shape[1])
      strip.zeros = try zeros.bytes(range, ofRows: 0..<zeros.shape[0], rowByteCount: 4 * zeros.shape[1])
    }
    for group in 0..<scales.shape[0] {
      let first = group * shape[0]
      strip.scales += try scales.floats(scaleType, first + rows.lowerBound..<first + rows.upperBound)
    }
    strip.groups = try groups()
    return strip
  }

  private func groups() throws(ConversionError) -> [Int] {
    guard let groupIndices else { return (0..<columns).map { $0 / groupSize } }
    let groups = try groupIndices.integers()
    guard groups.allSatisfy({ $0 >= 0 && $0 < parts[2].shape[0] }) else {
      throw .damaged(path: groupIndices.file.path, reason: "\(groupIndices.name) names groups that are not there")
    }
    return groups
  }
}
