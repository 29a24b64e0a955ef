import CKernels
import JambaSystem
import Testing

/// Moments of inputs, and rounding by them.
@Suite struct RefinerTests {
  /// Rows of inputs whose columns go together, as activations' do: each is a mixture of a few sources and noise.
  private func inputs(_ count: Int, columns: Int, _ random: inout Random) -> [Float] {
    let sources = 12
    let mixture = random.normals(sources * columns)
    return (0..<count).flatMap { _ in
      let drawn = random.normals(sources)
      let noise = random.normals(columns)
      return (0..<columns).map { column in
        (0..<sources).reduce(0.3 * noise[column]) { $0 + drawn[$1] * mixture[$1 * columns + column] }
      }
    }
  }

  /// The moments as the converter gives them: means, symmetric, with a positive diagonal.
  private func moments(_ x: [Float], _ count: Int, columns: Int, size: Int) -> [Float] {
    let blocks = (columns + size - 1) / size
    var moments = [Float](repeating: 0, count: blocks * size * size)
    for block in 0..<blocks {
      for i in 0..<size {
        for j in 0..<size {
          let (a, b) = (block * size + i, block * size + j)
          var sum = 0.0
          if a < columns, b < columns {
            for row in 0..<count { sum += Double(x[row * columns + a]) * Double(x[row * columns + b]) }
          }
          moments[(block * size + i) * size + j] = Float(sum / Double(count)) + (i == j ? 1e-3 : 0)
        }
      }
    }
    return moments
  }

  @Test(arguments: [1, 8, 20, 64, 100, 128, 200]) func momentsAreSumsOfProducts(columns: Int) {
    var random = Random(51)
    let (size, rows, stride) = (64, 7, (columns + 31) / 32 * 32)
    let x = Buffer(rows * stride)
    for row in 0..<rows { for column in 0..<columns { x[row * stride + column] = random.normal() } }
    for index: [UInt32]? in [nil, [6, 0, 3]] {
      let blocks = (columns + size - 1) / size
      let results = instructionSets.map { set -> [Float] in
        let sums = Buffer(blocks * size * size)
        var view = jk_rows()
        view.values = x.pointer
        view.stride = stride
        Engine(set, threads: 2).run { jk_add_moments($0, &view, index, index?.count ?? rows, columns, size, sums.pointer) }
        return sums.array
      }
      #expect(results.allSatisfy { $0 == results[0] })
      for a in 0..<columns {
        for b in a..<min(columns, (a / size + 1) * size) {
          let expected = (index ?? (0..<7).map { $0 }).reduce(0.0) {
            $0 + Double(x[Int($1) * stride + a]) * Double(x[Int($1) * stride + b])
          }
          // Seven sums of products of numbers below 5: far below 1e-4.
          #expect(abs(Double(results[0][a * size + b % size]) - expected) < 1e-4)
        }
      }
    }
  }

  /// The error of products with real inputs, before and after.
  @Test(arguments: [JK_I8, JK_I6, JK_NL4], [96, 128, 256]) func refinementLowersTheErrorOfProducts(type: jk_type, columns: Int) {
    var random = Random(52)
    let (count, size) = (600, 128)
    let weights = random.normals(8 * columns)
    let x = inputs(count, columns: columns, &random)
    let moments = moments(x, count, columns: columns, size: size)
    let matrix = Matrix(type, rows: 8, columns: columns)
    func errorOfProducts() -> Double {
      var value = matrix.value
      let decoded = Buffer(columns)
      var total = 0.0
      for row in 0..<8 {
        jk_decode_row(&value, row, decoded.pointer)
        for token in 0..<count {
          // Blocks are refined apart from each other: so is their error taken.
          for first in stride(from: 0, to: columns, by: size) {
            var sum = 0.0
            for column in first..<min(first + size, columns) {
              sum += Double(decoded[column] - weights[row * columns + column]) * Double(x[token * columns + column])
            }
            total += sum * sum
          }
        }
      }
      return total
    }
    var sums = [0.0, 0.0]
    jk_encode_strip(type, weights, columns, 8, columns, nil, 0, matrix.bytes.pointer, &sums)
    let before = errorOfProducts()
    sums = [0, 0]
    jk_refine_strip(type, weights, columns, 8, columns, moments, size, 0, matrix.bytes.pointer, &sums)
    // Inputs with twelve sources leave most directions free for errors to go to.
    #expect(errorOfProducts() < 0.5 * before)

    var value = matrix.value
    let decoded = Buffer(columns)
    var (error, power) = (0.0, 0.0)
    for row in 0..<8 {
      jk_decode_row(&value, row, decoded.pointer)
      for column in 0..<columns {
        let weight = weights[row * columns + column]
        error += Double(decoded[column] - weight) * Double(decoded[column] - weight)
        power += Double(weight) * Double(weight)
      }
    }
    #expect(abs(sums[0] / error - 1) < 1e-4)
    #expect(abs(sums[1] / power - 1) < 1e-4)
  }

  /// Scales that are all alike pack well, and so refining leaves those of a strip encoded with a step alone.
  @Test func scalesOfCoarseCodesStay() {
    var random = Random(54)
    let (columns, size, count) = (128, 64, 256)
    let weights = random.normals(8 * columns)
    let moments = moments(inputs(count, columns: columns, &random), count, columns: columns, size: size)
    let matrix = Matrix(JK_NL4, rows: 8, columns: columns)
    var sums = [0.0, 0.0]
    jk_encode_strip(JK_NL4, weights, columns, 8, columns, nil, 0.5, matrix.bytes.pointer, &sums)
    let before = (0..<matrix.stripSize).map { matrix.bytes.pointer[$0] }
    jk_refine_strip(JK_NL4, weights, columns, 8, columns, moments, size, 0.5, matrix.bytes.pointer, &sums)
    let after = (0..<matrix.stripSize).map { matrix.bytes.pointer[$0] }
    let header = matrix.stripSize - columns / 32 * 128
    #expect(before[..<header] == after[..<header])
    #expect(before[header...] != after[header...])
  }

  @Test(arguments: [JK_I8, JK_I6, JK_NL4]) func everyInstructionSetRefinesTheSame(type: jk_type) {
    var random = Random(53)
    for columns in [1, 31, 64, 100, 192] {
      for rows in [1, 8] {
        for pattern in Pattern.allCases where pattern != .infinite && pattern != .notANumber {
          let weights = pattern.values(rows * columns, &random)
          let moments = moments(inputs(40, columns: columns, &random), 40, columns: columns, size: 64)
          let results = instructionSets.map { set -> ([UInt8], [Double]) in
            let strip = Buffer(jk_strip_size(type, columns), UInt8(0xAA))
            var error = [0.0, 0.0]
            jk_encode_strip_by(jk_kernels_of(set), type, weights, columns, rows, columns, nil, 0, strip.pointer, &error)
            error = [0, 0]
            jk_refine_strip_by(jk_kernels_of(set), type, weights, columns, rows, columns, moments, 64, 0, strip.pointer, &error)
            return (strip.array, error)
          }
          #expect(results.allSatisfy { $0.0 == results[0].0 && $0.1 == results[0].1 })
          #expect(results[0].1.allSatisfy { $0.isFinite })
        }
      }
    }
  }
}
