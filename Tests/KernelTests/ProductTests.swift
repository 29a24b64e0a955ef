import CKernels
import Testing

@Suite struct ProductTests {
  static let columns = [1, 3, 31, 32, 33, 63, 64, 65, 96, 128, 200]

  /// Strips of arbitrary bytes, as a file could hold them, except for scales that are finite.
  static func arbitrary(
    _ type: jk_type, rows: Int, columns: Int, byte: UInt8?, _ random: inout Random
  ) -> Matrix {
    if !jk_has_codes(type) {
      return Matrix(type, rows: rows, columns: columns, weights: random.normals(rows * columns))
    }
    let matrix = Matrix(type, rows: rows, columns: columns)
    for index in 0..<matrix.bytes.count {
      matrix.bytes[index] = byte ?? UInt8(truncatingIfNeeded: random.next())
    }
    for strip in 0..<(rows + 7) / 8 {
      let scales = UnsafeMutableRawPointer(matrix.bytes.pointer + strip * matrix.stripSize)
      for row in 0..<8 {
        scales.storeBytes(of: random.normal(), toByteOffset: 4 * row, as: Float.self)
      }
    }
    return matrix
  }

  @Test(arguments: types) func everyInstructionSetGivesTheBitsOfScalar(type: jk_type) {
    var random = Random(1)
    let engines = instructionSets.map { Engine($0) }
    for columns in Self.columns {
      for rows in [1, 7, 8, 9] {
        for pattern in Pattern.allCases {
          let tokens = 13  // packed by fours, and one left over
          let x = Activations(
            count: tokens, width: columns, values: pattern.values(tokens * columns, &random))
          x.quantize(engines[0])
          // Among them the largest and the smallest code everywhere: the accumulators' extremes.
          for byte: UInt8? in pattern == .equal || pattern == .alternating ? [nil, 0, 0xFF, 0x81] : [nil] {
            let matrix = Self.arbitrary(type, rows: rows, columns: columns, byte: byte, &random)
            let expected = matrix.multiply(engines[0], x, count: tokens)
            for engine in engines.dropFirst() {
              let found = firstDifference(expected, matrix.multiply(engine, x, count: tokens))
              #expect(found == nil, "\(rows) x \(columns), \(pattern)")
            }
          }
        }
      }
    }
  }

  @Test(arguments: types, [160, 1100, 2600]) func batchesThreadsAndIndicesChangeNothing(type: jk_type, width: Int) {
    var random = Random(2)
    let rows = 45
    let weights = random.normals(rows * width)
    let matrix = Matrix(type, rows: rows, columns: width, weights: weights)
    let most = 37
    let x = Activations(count: most, width: width, values: random.normals(most * width))
    let stride = 48
    for set in instructionSets {
      let single = Engine(set)
      x.quantize(single)
      let alone = (0..<most).map { matrix.multiply(single, x, from: $0, count: 1) }
      for threads in 1...3 {
        let engine = Engine(set, threads: threads)
        for count in [0, 1, 2, 3, 4, 5, 7, 8, 9, 17, most] {
          #expect(
            firstDifference(matrix.multiply(engine, x, count: count), Array(alone[..<count].joined()))
              == nil)
        }
        for index: [UInt32] in [[16, 3, 3, 0, 9], [1, 0, 30, 30, 4, 36, 7, 7, 12, 2, 5]] {
          #expect(
            firstDifference(
              matrix.multiply(engine, x, count: index.count, index: index),
              index.flatMap { alone[Int($0)] }) == nil)
        }
      }
    }
    // Rows that do not exist are zero even where the activations are not finite.
    x.values[0] = .nan
    for set in instructionSets {
      x.quantize(Engine(set))
      let y = matrix.multiply(Engine(set), x, count: 1)
      #expect(y[..<rows].allSatisfy { $0.isNaN })
      #expect(y[rows..<stride].allSatisfy { $0 == 0 })
    }
  }

  /// Products that are added at once are those that are made first and added then.
  @Test(arguments: types) func addedProductsAreProducts(type: jk_type) {
    var random = Random(7)
    for (rows, width) in [(1, 1), (45, 33), (2050, 16), (4100, 3)] {
      let matrix = Matrix(type, rows: rows, columns: width, weights: random.normals(rows * width))
      let most = 35
      let x = Activations(count: most, width: width, values: random.normals(most * width))
      let stride = rows + 3
      let before = random.normals(most * stride)
      let scale: Float = 0.7
      for set in instructionSets {
        for (threads, count) in [(1, 1), (2, 16), (3, 17), (2, most)] {
          let engine = Engine(set, threads: threads)
          x.quantize(engine)
          let product = matrix.multiply(engine, x, count: count)
          var expected = before
          for token in 0..<count {
            for row in 0..<rows {
              let place = token * stride + row
              expected[place] = expected[place].addingProduct(scale, product[token * ((rows + 7) / 8 * 8) + row])
            }
          }
          var found = before
          var (w, values) = (matrix.value, x.rows(from: 0))
          engine.run { jk_add_matmul($0, &w, &values, count, scale, &found, stride) }
          #expect(firstDifference(found, expected) == nil, "\(rows) x \(width), \(count) tokens")
        }
      }
    }
  }

  @Test(arguments: floatTypes) func floatProductsAgreeWithDouble(type: jk_type) {
    var random = Random(3)
    let (rows, width) = (9, 131)
    let weights = random.normals(rows * width)
    let matrix = Matrix(type, rows: rows, columns: width, weights: weights)
    let x = Activations(count: 1, width: width, values: random.normals(width))
    let y = matrix.multiply(Engine(JK_SCALAR), x, count: 1)
    for row in 0..<rows {
      var expected = 0.0
      var magnitude = 0.0
      for column in 0..<width {
        var weight = weights[row * width + column]
        if type == JK_BF16 {
          let bits = weight.bitPattern
          weight = Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
        }
        let term = Double(weight) * Double(x.values[column])
        expected += term
        magnitude += abs(term)
      }
      // Products are exact in double; of 131 additions there each rounds by 2^-53 of a partial sum, and the sum once to float.
      #expect(abs(Double(y[row]) - expected) <= 0x1p-24 * abs(expected) + 0x1p-44 * magnitude)
    }
  }

  @Test(arguments: codeTypes, [32, 64, 192, 200]) func quantizedProductsAgreeWithTheLayout(
    type: jk_type, width: Int
  ) {
    var random = Random(4)
    let rows = 11
    let matrix = Self.arbitrary(type, rows: rows, columns: width, byte: nil, &random)
    let x = Activations(count: 1, width: width, values: random.normals(width))
    x.quantize(Engine(JK_SCALAR))
    let y = matrix.multiply(Engine(JK_SCALAR), x, count: 1)
    let layout = Layout(matrix)
    for row in 0..<rows {
      var expected = 0.0
      var magnitude = 0.0
      var decoded = [Float](repeating: 0, count: width)
      for column in 0..<width {
        let code = layout.code(row, column)
        let term =
          layout.scale(row, column) * Double(x.scales[column / 32]) * Double(code * Int(x.codes[column]))
        expected += term
        magnitude += abs(term)
        decoded[column] = layout.rowScale(row) * Float(layout.groupScale(row, column)) * Float(code)
      }
      // Roundings that a term meets: its scale's, one fma for each later tile, and the row scale's.
      let roundings = Double(x.stride / 32 + 2)
      #expect(abs(Double(y[row]) - expected) <= roundings * 0x1p-24 * magnitude)

      let out = Buffer(width)
      var value = matrix.value
      jk_decode_row(&value, row, out.pointer)
      #expect(firstDifference(out.array, decoded) == nil)
    }
  }
}
