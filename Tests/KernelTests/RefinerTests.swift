import CKernels
import CQuantizers
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
  @Test(arguments: codeTypes, [96, 128, 256]) func refinementLowersTheErrorOfProducts(type: jk_type, columns: Int) {
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

  /// The descent in double precision: for each group in turn each code, then the scale, to its best value given all others, which
  /// in the first sweep over rings are those before it.
  private func refined(_ layout: Layout, _ weights: [Float], _ row: Int, moments: [Float], size: Int) -> [(scale: Int, codes: [Int])] {
    let type = layout.matrix.value.type
    let columns = Int(layout.matrix.value.columns)
    let rowScale = Double(layout.rowScale(row))
    var groups = stride(from: 0, to: columns, by: layout.group).map { first in
      (scale: layout.groupScale(row, first), codes: (first..<first + layout.group).map { layout.code(row, $0) })
    }
    let bits = Layout.ringBits(of: type)
    var indices = bits == nil ? [] : (0..<columns).map { layout.ringIndex(row, $0) }
    let perBlock = size / layout.group
    for block in 0..<columns / size {
      func m(_ i: Int, _ j: Int) -> Double { Double(moments[(block * size + i) * size + j]) }
      func stored(_ column: Int) -> Double {
        let group = groups[block * perBlock + column / layout.group]
        return rowScale * Double(group.scale) * Double(group.codes[column % layout.group])
      }
      func error(_ i: Int) -> Double { stored(i) - Double(weights[row * columns + block * size + i]) }
      var gradient = (0..<size).map { j in bits == nil ? (0..<size).reduce(0.0) { $0 + error($1) * m($1, j) } : 0 }
      for sweep in 0..<Int(JK_REFINE_SWEEPS) {
        for g in 0..<perBlock {
          let (at, first) = (block * perBlock + g, g * layout.group)
          // Errors of rings count from a group's first turn on.
          for i in first..<first + layout.group where sweep == 0 && bits != nil {
            let error = error(i)
            for j in 0..<size { gradient[j] += error * m(i, j) }
          }
          var scale: Double { rowScale * Double(groups[at].scale) }
          if let bits, scale != 0 {
            let (grid, states) = (Layout.ringCodes(of: type), 16 >> bits)
            for place in 0..<32 {
              let (c, d) = (Layout.ring[place], Layout.ring[(place + 1) % 32])
              let (i, j, base) = (first + c, first + d, block * size + first)
              let choices = (0..<1 << bits).map { added in
                let index = indices[base + c] % states + added * states
                let next = indices[base + d] / states * states + index >> bits
                let by = scale * Double(grid[index] - groups[at].codes[c])
                let nextBy = scale * Double(grid[next] - groups[at].codes[d])
                let cost =
                  by * (gradient[i] + m(i, i) * by / 2 + m(i, j) * nextBy) + nextBy * (gradient[j] + m(j, j) * nextBy / 2)
                return (cost: cost, index: index, next: next, by: by, nextBy: nextBy)
              }
              let best = choices.min { $0.cost < $1.cost }!
              (indices[base + c], indices[base + d]) = (best.index, best.next)
              (groups[at].codes[c], groups[at].codes[d]) = (grid[best.index], grid[best.next])
              for k in 0..<size { gradient[k] += best.by * m(i, k) + best.nextBy * m(j, k) }
            }
          }
          for c in 0..<layout.group where scale != 0 && bits == nil {
            let i = first + c
            let before = groups[at].codes[c]
            let code = Layout.nearestCode(to: Double(before) - gradient[i] / m(i, i) / scale, of: type)
            groups[at].codes[c] = code
            if code != before { for j in 0..<size { gradient[j] += scale * Double(code - before) * m(i, j) } }
          }
          let codes = groups[at].codes.map(Double.init)
          let products = (0..<size).map { j in (0..<layout.group).reduce(0.0) { $0 + codes[$1] * m(first + $1, j) } }
          let slope = (0..<layout.group).reduce(0.0) { $0 + codes[$1] * gradient[first + $1] }
          let curvature = (0..<layout.group).reduce(0.0) { $0 + codes[$1] * products[first + $1] }
          guard curvature > 0 else { continue }
          let before = scale
          let best = (before - slope / curvature) / rowScale
          if bits == nil {
            let found = Int(min(127, max(-127, best)).rounded(.toNearestOrEven))
            if found != 0 { groups[at].scale = found }
          } else if before != 0 {
            groups[at].scale = Layout.scaleGrid[1...].min { abs(Double($0) - best) < abs(Double($1) - best) }!
          }
          for j in 0..<size { gradient[j] += (scale - before) * products[j] }
        }
      }
    }
    return groups
  }

  @Test(arguments: codeTypes) func refinementIsCoordinateDescent(type: jk_type) {
    var random = Random(55)
    let (columns, size, count) = (128, 64, 300)
    let weights = random.normals(8 * columns)
    let moments = moments(inputs(count, columns: columns, &random), count, columns: columns, size: size)
    let encoded = Matrix(type, rows: 8, columns: columns, weights: weights)
    let expected = (0..<8).map { refined(Layout(encoded), weights, $0, moments: moments, size: size) }
    let before = Layout(Matrix(type, rows: 8, columns: columns, weights: weights))
    var sums = [0.0, 0.0]
    jk_refine_strip(type, weights, columns, 8, columns, moments, size, 0, encoded.bytes.pointer, &sums)
    let found = Layout(encoded)
    var (same, changed) = (0, 0)
    for row in 0..<8 {
      for (index, group) in expected[row].enumerated() {
        for c in 0..<found.group {
          let column = index * found.group + c
          same += group.scale == found.groupScale(row, column) && group.codes[c] == found.code(row, column) ? 1 : 0
          changed += before.code(row, column) != found.code(row, column) ? 1 : 0
        }
      }
    }
    // Where a value is nearly midway between two codes, float and double may part, and all that follows with them.
    #expect(same >= 8 * columns * 99 / 100)
    #expect(changed > 8 * columns / 10)
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

  @Test(arguments: codeTypes) func everyInstructionSetRefinesTheSame(type: jk_type) {
    var random = Random(53)
    for columns in [1, 31, 64, 100, 192] {
      for rows in [1, 8] {
        for pattern in Pattern.allCases where pattern != .infinite && pattern != .notANumber {
          let weights = pattern.values(rows * columns, &random)
          let moments = moments(inputs(40, columns: columns, &random), 40, columns: columns, size: 64)
          let results = instructionSets.map { set -> ([UInt8], [Double]) in
            let strip = Buffer(jk_strip_size(type, columns), UInt8(0xAA))
            var error = [0.0, 0.0]
            jk_encode_strip_by(jk_quantizers_of(set), type, weights, columns, rows, columns, nil, 0, strip.pointer, &error)
            error = [0, 0]
            jk_refine_strip_by(jk_quantizers_of(set), type, weights, columns, rows, columns, moments, 64, 0, strip.pointer, &error)
            return (strip.array, error)
          }
          #expect(results.allSatisfy { $0.0 == results[0].0 && $0.1 == results[0].1 })
          #expect(results[0].1.allSatisfy { $0.isFinite })
        }
      }
    }
  }
}
