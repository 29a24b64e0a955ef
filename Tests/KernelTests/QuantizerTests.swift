import CKernels
import CQuantizers
import Foundation
import Testing

@Suite struct QuantizerTests {
  /// Signal to quantization noise in dB, from jk_encode_strip's sums and from decoding.
  private func quality(_ type: jk_type, rows: Int, columns: Int, _ weights: [Float]) -> (Double, Double) {
    let matrix = Matrix(type, rows: rows, columns: columns)
    var error = [0.0, 0.0]
    weights.withUnsafeBufferPointer { weights in
      for first in stride(from: 0, to: rows, by: 8) {
        jk_encode_strip(
          type, weights.baseAddress! + first * columns, columns, min(8, rows - first), columns, nil, 0,
          matrix.bytes.pointer + first / 8 * matrix.stripSize, &error)
      }
    }
    var noise = 0.0
    var signal = 0.0
    let decoded = Buffer(columns)
    var value = matrix.value
    for row in 0..<rows {
      jk_decode_row(&value, row, decoded.pointer)
      for column in 0..<columns {
        let weight = Double(weights[row * columns + column])
        noise += (weight - Double(decoded[column])) * (weight - Double(decoded[column]))
        signal += weight * weight
      }
    }
    return (10 * log10(error[1] / error[0]), 10 * log10(signal / noise))
  }

  @Test func gaussianWeights() {
    var random = Random(41)
    let weights = random.normals(16 * 512).map { $0 * 0.02 }
    // 16 levels placed best for the whole distribution give 20.2 dB (Max 1960); scales for 32 weights measure
    // 22.6 dB, and 16 x 512 samples leave a spread below 0.1 dB.
    let nl4 = quality(JK_NL4, rows: 16, columns: 512, weights)
    #expect(nl4.1 > 22.3)
    // The largest of 64 normal magnitudes is about 2.6: steps of 2.6 / 127 leave 10 log10(12 (127 / 2.6)^2) = 44.6 dB,
    // less 0.3 dB for scales of 8 bits.
    let i8 = quality(JK_I8, rows: 16, columns: 512, weights)
    #expect(i8.1 > 44)
    // In the same way 31.5 levels to a side of it: 10 log10(12 (31.5 / 2.6)^2) = 32.5 dB.
    let i6 = quality(JK_I6, rows: 16, columns: 512, weights)
    #expect(i6.1 > 32.2)
    // 8 bits of fraction: an error of at most 2^-9, uniform: 10 log10(3) + 54 = 59 dB at worst of the binade, more
    // than 10 log10(3 x 4^8) = 52.9 dB.
    #expect(quality(JK_BF16, rows: 16, columns: 512, weights).1 > 52.9)
    // 8 and 4 levels placed best give 14.6 and 9.3 dB (Max 1960), here with scales for 32 weights 16.1 and 10.1; ways through 16
    // come a decibel nearer.
    let r3 = quality(JK_R3, rows: 16, columns: 512, weights)
    #expect(r3.1 > 16.8)
    let r2 = quality(JK_R2, rows: 16, columns: 512, weights)
    #expect(r2.1 > 11)
    for (reported, found) in [nl4, i6, i8, r3, r2] { #expect(abs(reported - found) < 0.01) }
  }

  /// What codes far apart lose of normal weights, beside the entropy of their bytes: 1.53 dB from what any code could do, as all
  /// scalar codes are whose entropy counts.
  @Test(arguments: [0.36, 0.5, 0.7]) func coarseCodes(step: Double) {
    var random = Random(45)
    let (rows, columns) = (64, 512)
    let weights = random.normals(rows * columns)
    let matrix = Matrix(JK_NL4, rows: rows, columns: columns)
    var error = [0.0, 0.0]
    var counts = [Int](repeating: 0, count: 256)
    for first in stride(from: 0, to: rows, by: 8) {
      let strip = matrix.bytes.pointer + first / 8 * matrix.stripSize
      weights.withUnsafeBufferPointer {
        jk_encode_strip(JK_NL4, $0.baseAddress! + first * columns, columns, 8, columns, nil, Float(step), strip, &error)
      }
      // The tiles; scales before them are few beside those of wide matrices.
      for offset in matrix.stripSize - columns / 32 * 128..<matrix.stripSize { counts[Int(strip[offset])] += 1 }
    }
    let bytes = Double(counts.reduce(0, +))
    let entropy = counts.filter { $0 > 0 }.reduce(0.0) { $0 - Double($1) * log2(Double($1) / bytes) } / Double(rows * columns)
    let best = 20 * log10(2) * entropy
    // 0.3 dB for the grid, which is wider at its ends.
    #expect(10 * log10(error[1] / error[0]) > best - 1.53 - 0.3)
    // And as many bits as were meant: the weights' entropy less the step's logarithm.
    #expect(abs(entropy - (0.5 * log2(2 * .pi * exp(1.0)) - log2(step))) < 0.4)
  }

  /// The search does no worse than the scale that maps the largest weight to the grid's end, with exact scales.
  @Test(arguments: codeTypes) func heavyTails(type: jk_type) {
    var random = Random(42)
    let (rows, columns) = (8, 512)
    // A ratio of normal numbers has Cauchy's tails; the bound keeps the sums meaningful.
    let weights = (0..<rows * columns).map { _ in
      max(-20, min(20, random.normal() / max(0.2, abs(random.normal()))))
    }
    let group = jk_scale_group(type, columns)
    let codes = Layout.codes(of: type).map(Float.init)
    var noise = 0.0
    var signal = 0.0
    for first in stride(from: 0, to: weights.count, by: group) {
      let part = weights[first..<first + group]
      let largest = part.max { abs($0) < abs($1) }!
      let scale = largest / codes[0]
      if Layout.ringBits(of: type) != nil {
        let (x, counts) = (part.map(Double.init), [Double](repeating: 1, count: 32))
        noise += Layout.leastRingError(x, counts, scale: Double(scale), of: type)
        signal += x.reduce(0) { $0 + $1 * $1 }
        continue
      }
      for weight in part {
        let nearest = codes.min { abs(weight - $0 * scale) < abs(weight - $1 * scale) }!
        noise += Double((weight - nearest * scale) * (weight - nearest * scale))
        signal += Double(weight * weight)
      }
    }
    // Scales of 8 bits cost at most 0.5 dB where a group's scale is a tenth of the row's largest.
    #expect(quality(type, rows: rows, columns: columns, weights).1 > 10 * log10(signal / noise) - 0.5)
  }

  @Test(arguments: types) func everyInstructionSetEncodesTheSame(type: jk_type) {
    var random = Random(43)
    for columns in [1, 31, 32, 33, 64, 100, 128] {
      for rows in [1, 3, 8] {
        for pattern in Pattern.allCases where pattern != .infinite && pattern != .notANumber {
          let weights = pattern.values(rows * columns, &random)
          let importance = random.normals(columns).map { abs($0) + 1e-3 }
          for (importance, step) in [(nil, Float(0)), (importance, 0), (nil, 0.5), (importance, 0.5)] {
            let results = instructionSets.map { set -> ([UInt8], [Double]) in
              let strip = Buffer(jk_strip_size(type, columns), UInt8(0xAA))
              var error = [0.0, 0.0]
              if let importance {
                jk_encode_strip_by(
                  jk_quantizers_of(set), type, weights, columns, rows, columns, importance, step, strip.pointer, &error
                )
              } else {
                jk_encode_strip_by(
                  jk_quantizers_of(set), type, weights, columns, rows, columns, nil, step, strip.pointer, &error)
              }
              return (strip.array, error)
            }
            #expect(results.allSatisfy { $0.0 == results[0].0 && $0.1 == results[0].1 })
            #expect(results[0].1.allSatisfy { $0.isFinite })
          }
        }
      }
    }
  }

  @Test(arguments: codeTypes) func unusualRows(type: jk_type) {
    let columns = 64
    // Zeros, the smallest numbers, the largest, and one weight alone.
    var weights = [Float](repeating: 0, count: 8 * columns)
    for column in 0..<columns {
      weights[columns + column] = column % 2 == 0 ? 0x1p-146 : -0x1p-146
      weights[2 * columns + column] = column % 2 == 0 ? 1e38 : -0.5e38
      weights[4 * columns + column] = 1e-25 * Float(column)
    }
    weights[3 * columns + 5] = 0.25
    let matrix = Matrix(type, rows: 8, columns: columns, weights: weights)
    let decoded = Buffer(columns)
    let group = jk_scale_group(type, columns)
    var value = matrix.value
    // Half of the largest step beside the nearer end: 12 of 57 for NL4, 1 of 127 for I8; of rings between the codes that a state
    // leaves, each with its own. Scales of 8 bits are off by less than 1 %, as no group here is far below another of its row.
    let codes = Layout.codes(of: type)
    let choices = Layout.ringBits(of: type).map { bits in
      (0..<16 >> bits).map { state in
        stride(from: state, to: 16, by: 16 >> bits).map { Layout.ringCodes(of: type)[$0] }.sorted()
      }
    }
    let bound = Float((choices ?? [codes]).flatMap { zip($0, $0.dropFirst()).map { $1 - $0 } }.max()!) / 2 / Float(codes.last!) + 0.01
    for row in 0..<8 {
      jk_decode_row(&value, row, decoded.pointer)
      // Steps are those of the weights that share a scale.
      for first in stride(from: 0, to: columns, by: group) {
        let part = weights[row * columns + first..<row * columns + first + group]
        let largest = part.map(abs).max()!
        for column in first..<first + group {
          let error = abs(decoded[column] - weights[row * columns + column])
          // Rows below 2^-100 are stored as zeros.
          #expect(error <= (largest < 0x1p-100 ? largest : largest * bound))
        }
      }
    }
  }

  /// Importance moves error from the columns that matter to those that do not.
  @Test func importanceLowersWeightedError() {
    var random = Random(44)
    let columns = 256
    let weights = random.normals(8 * columns)
    let importance = (0..<columns).map { $0 % 4 == 0 ? Float(50) : 1 }
    var errors: [Double] = []
    for importance in [nil, importance] {
      let matrix = Matrix(JK_NL4, rows: 8, columns: columns)
      var sums = [0.0, 0.0]
      if let importance {
        jk_encode_strip(JK_NL4, weights, columns, 8, columns, importance, 0, matrix.bytes.pointer, &sums)
      } else {
        jk_encode_strip(JK_NL4, weights, columns, 8, columns, nil, 0, matrix.bytes.pointer, &sums)
      }
      let decoded = Buffer(columns)
      var value = matrix.value
      var error = 0.0
      for row in 0..<8 {
        jk_decode_row(&value, row, decoded.pointer)
        for column in stride(from: 0, to: columns, by: 4) {
          let difference = Double(decoded[column] - weights[row * columns + column])
          error += difference * difference
        }
      }
      errors.append(error)
    }
    #expect(errors[1] < errors[0])
  }
}
