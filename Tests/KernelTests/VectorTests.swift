import CKernels
import Foundation
import JambaSystem
import Testing

@Suite struct VectorTests {
  static let widths = [0, 1, 7, 8, 9, 31, 32, 33, 100]

  @Test func everyInstructionSetGivesTheBitsOfScalar() {
    var random = Random(11)
    let engines = instructionSets.map { Engine($0) }
    for width in Self.widths {
      for pattern in Pattern.allCases {
        let x = pattern.values(width, &random)
        let other = random.normals(width)
        let results = engines.map { engine -> [[Float]] in
          let (a, b) = (Buffer(x), Buffer(other))
          let norm = Buffer((width + 31) / 32 * 32)
          let (sum, scaled, gated, soft) = (Buffer(other), Buffer(other), Buffer(x), Buffer(x))
          let rows = Activations(count: 1, width: width, values: x)
          rows.quantize(engine)
          engine.run { engine in
            jk_rms_norm(engine, a.pointer, width, b.pointer, 1e-6, width, 1, norm.pointer, width)
            jk_add(engine, sum.pointer, width, a.pointer, width, width, 1)
            jk_add_scaled(engine, scaled.pointer, width, [0], a.pointer, width, [0.3], width, 1)
            jk_silu_multiply(engine, gated.pointer, width, b.pointer, width, width, 1)
            jk_softmax(engine, soft.pointer, width)
          }
          return [
            norm.array, sum.array, scaled.array, gated.array, soft.array, rows.scales.array,
            rows.codes.array.map(Float.init), rows.offsets.array.map(Float.init),
          ]
        }
        for result in results.dropFirst() {
          for (a, b) in zip(results[0], result) {
            #expect(firstDifference(a, b) == nil, "width \(width), \(pattern)")
          }
        }
      }
    }
  }

  @Test func batchesAndThreadsChangeNothing() {
    var random = Random(12)
    let (width, stride, count) = (1100, 1120, 5)
    let x = Buffer(random.normals(stride * count))
    let weight = Buffer(random.normals(width))
    let index: [UInt32] = [4, 1, 0, 2, 3]
    let scale: [Float] = [1, 2, 0.5, -1, 0.1]
    var expected: [[Float]]?
    for set in instructionSets {
      for threads in 1...3 {
        let engine = Engine(set, threads: threads)
        let (norm, sum, gate) = (Buffer(stride * count), Buffer(x.array), Buffer(x.array))
        engine.run { engine in
          jk_rms_norm(engine, x.pointer, stride, weight.pointer, 1e-5, width, count, norm.pointer, stride)
          jk_add_scaled(engine, sum.pointer, stride, index, x.pointer, stride, scale, width, count)
          jk_silu_multiply(engine, gate.pointer, stride, x.pointer, stride, width, count)
        }
        let found = [norm.array, sum.array, gate.array]
        if let expected {
          for (a, b) in zip(expected, found) { #expect(firstDifference(a, b) == nil) }
        }
        expected = found
        for row in 0..<count {
          let source = Int(index.firstIndex(of: UInt32(row))!)
          for column in [0, 500, width - 1] {
            let at = row * stride + column
            #expect(sum[at] == x[at].addingProduct(scale[source], x[source * stride + column]))
          }
          #expect(sum[row * stride + width] == x[row * stride + width])
          #expect((width..<stride).allSatisfy { norm[row * stride + $0] == 0 })
        }
      }
    }
  }

  @Test func quantizedCodesFollowTheDefinition() {
    var random = Random(13)
    let source = random.normals(64)
    let x = Activations(count: 1, width: 64, values: source)
    for set in instructionSets {
      x.quantize(Engine(set))
      for group in 0..<2 {
        let values = source[32 * group..<32 * group + 32]
        let largest = values.map(abs).max()!
        #expect(x.scales[group] == largest / 127)
        let codes = values.map { Int8(($0 * (127 / largest)).rounded(.toNearestOrEven)) }
        #expect(Array(x.codes.array[32 * group..<32 * group + 32]) == codes)
        #expect(x.offsets[group] == -64 * codes.reduce(Int32(0)) { $0 + Int32($1) })
      }
    }
  }

  @Test func groupsThatCannotBeScaled() {
    for set in instructionSets {
      for (value, scale) in [(Float(0), Float(0)), (0x1p-133, 0), (.infinity, .nan), (.nan, .nan)] {
        let x = Activations(count: 1, width: 32, values: [value] + Array(repeating: 0, count: 31))
        x.quantize(Engine(set))
        #expect(scale.isNaN ? x.scales[0].isNaN : x.scales[0] == scale)
        #expect(x.codes.array.allSatisfy { $0 == 0 } && x.offsets[0] == 0)
      }
    }
  }

  @Test func normAgreesWithDouble() {
    var random = Random(14)
    let width = 300
    let (x, weight, y) = (Buffer(random.normals(width)), Buffer(random.normals(width)), Buffer(320))
    Engine(JK_SCALAR).run {
      jk_rms_norm($0, x.pointer, width, weight.pointer, 1e-6, width, 1, y.pointer, 320)
    }
    let mean = x.array.reduce(0) { $0 + Double($1) * Double($1) } / Double(width)
    for index in 0..<width {
      let expected = Double(x[index]) * Double(weight[index]) / (mean + 1e-6).squareRoot()
      // The sum of squares is off by 41 roundings at most, halved by the root; six more follow.
      #expect(abs(Double(y[index]) - expected) <= 27 * 0x1p-24 * abs(expected))
    }
  }

  @Test func exponential() {
    #expect(jk_exp(0) == 1 && jk_exp(-0.0) == 1)
    #expect(jk_exp(-87.34) == 0 && jk_exp(-.infinity) == 0 && jk_exp(.nan).isNaN)
    #expect(jk_exp(89) == jk_exp(.infinity) && jk_exp(89).isFinite)
    var largest = 0.0
    for step in 0..<20_000 {
      let x = -87.3 + Float(step) * (88.3 + 87.3) / 20_000
      largest = max(largest, abs(Double(jk_exp(x)) / exp(Double(x)) - 1))
    }
    #expect(largest < 2e-7)
  }

  /// Sums are rounded once, as Swift's are.
  @Test func additionsAreThoseOfFloats() {
    var random = Random(15)
    let (width, stride) = (45, 64)
    let (x, y) = (random.normals(2 * stride), random.normals(2 * stride))
    for set in instructionSets {
      let (added, bias, addend) = (Buffer(y), Buffer(y), Buffer(x))
      Engine(set).run {
        jk_add($0, added.pointer, stride, addend.pointer, stride, width, 2)
        jk_add($0, bias.pointer, stride, addend.pointer, 0, width, 2)  // the same row for all
      }
      for row in 0..<2 {
        for column in 0..<stride {
          let at = row * stride + column
          #expect(added[at] == (column < width ? y[at] + x[at] : y[at]))
          #expect(bias[at] == (column < width ? y[at] + x[column] : y[at]))
        }
      }
    }
  }

  @Test func siluAndSoftmaxAgreeWithDouble() {
    var random = Random(16)
    let x = stride(from: Float(-80), through: 80, by: 0.37).map { $0 }
    for set in instructionSets {
      let (gate, up) = (Buffer(x), Buffer(random.normals(x.count)))
      Engine(set).run { jk_silu_multiply($0, gate.pointer, x.count, up.pointer, x.count, x.count, 1) }
      for (index, value) in x.enumerated() {
        let expected = Double(value) / (1 + exp(-Double(value))) * Double(up[index])
        // exp to 2e-7; a sum, a quotient and a product to 2^-24 each.
        #expect(abs(Double(gate[index]) - expected) <= 4.1e-7 * abs(expected))
      }

      let soft = Buffer(x)
      Engine(set).run { jk_softmax($0, soft.pointer, x.count) }
      let sum = x.reduce(0) { $0 + exp(Double($1) - Double(x.max()!)) }
      for (index, value) in x.enumerated() {
        let difference = Double(value) - Double(x.max()!)
        // The difference is rounded before exp; where exp gives 0 the truth is below 2^-125.
        let expected = exp(difference) / sum
        let tolerance = (6e-7 + abs(difference) * 0x1p-24) * expected + 0x1p-125
        #expect(abs(Double(soft[index]) - expected) <= tolerance)
      }
    }
  }
}
