import CKernels
import Foundation
import Testing

/// Inputs of one scan, and the scan of all or part of its tokens.
private final class Scan {
  let channels: Int
  let states: Int
  let tokens: Int
  let u, dt, z, b, c, bias, a, d: Buffer<Float>

  init(channels: Int, states: Int, tokens: Int, _ random: inout Random) {
    self.channels = channels
    self.states = states
    self.tokens = tokens
    u = Buffer(random.normals(tokens * channels))
    dt = Buffer(random.normals(tokens * channels).map { $0 * 4 })
    z = Buffer(random.normals(tokens * channels))
    b = Buffer(random.normals(tokens * states))
    c = Buffer(random.normals(tokens * states))
    bias = Buffer(random.normals(channels))
    a = Buffer(random.normals(channels * states).map { -exp($0) })
    d = Buffer(random.normals(channels))
  }

  func run(_ engine: Engine, first: Int, last: Int, state: Buffer<Float>, y: Buffer<Float>, keepsState: Bool = false) {
    var arguments = jk_scan_arguments()
    arguments.u = UnsafePointer(u.pointer + first * channels)
    arguments.dt = UnsafePointer(dt.pointer + first * channels)
    arguments.z = UnsafePointer(z.pointer + first * channels)
    arguments.b = UnsafePointer(b.pointer + first * states)
    arguments.c = UnsafePointer(c.pointer + first * states)
    arguments.y = y.pointer + first * channels
    (arguments.u_stride, arguments.dt_stride, arguments.z_stride) = (channels, channels, channels)
    (arguments.b_stride, arguments.c_stride, arguments.y_stride) = (states, states, channels)
    arguments.dt_bias = UnsafePointer(bias.pointer)
    arguments.a = UnsafePointer(a.pointer)
    arguments.d = UnsafePointer(d.pointer)
    arguments.state = UnsafePointer(state.pointer)
    arguments.next_state = keepsState ? nil : state.pointer
    (arguments.channels, arguments.state_size, arguments.tokens) = (channels, states, last - first)
    engine.run { jk_scan($0, &arguments) }
  }
}

@Suite struct MambaTests {
  @Test(arguments: [1, 7, 8, 9, 16, 63, 64, 65, 100], [1, 3, 16])
  func scanGivesTheSameBitsEverywhere(channels: Int, states: Int) {
    var random = Random(21)
    let tokens = 5
    let scan = Scan(channels: channels, states: states, tokens: tokens, &random)
    let begin = random.normals(channels * states)
    var expected: (y: [Float], state: [Float])?
    for set in instructionSets {
      for threads in 1...2 {
        // All at once, one by one, and in two chunks.
        for chunks in [[0, 5], [0, 1, 2, 3, 4, 5], [0, 3, 5]] {
          let (state, y) = (Buffer(begin), Buffer(tokens * channels))
          let engine = Engine(set, threads: threads)
          for (first, last) in zip(chunks, chunks.dropFirst()) {
            scan.run(engine, first: first, last: last, state: state, y: y)
          }
          if let expected {
            #expect(firstDifference(expected.y, y.array) == nil)
            #expect(firstDifference(expected.state, state.array) == nil)
          }
          expected = (y.array, state.array)
        }
      }
    }
  }

  @Test(arguments: Pattern.allCases) func scanOfUnusualInputs(pattern: Pattern) {
    var random = Random(22)
    let scan = Scan(channels: 24, states: 4, tokens: 2, &random)
    for buffer in [scan.u, scan.dt, scan.z, scan.b] {
      for (index, value) in pattern.values(buffer.count, &random).enumerated() { buffer[index] = value }
    }
    let results = instructionSets.map { set -> [Float] in
      let (state, y) = (Buffer(24 * 4), Buffer(2 * 24))
      scan.run(Engine(set), first: 0, last: 2, state: state, y: y)
      return state.array + y.array
    }
    for result in results { #expect(firstDifference(results[0], result) == nil) }
  }

  @Test func scanAgreesWithDouble() {
    var random = Random(23)
    let (channels, states, tokens) = (20, 16, 6)
    let scan = Scan(channels: channels, states: states, tokens: tokens, &random)
    let (state, y) = (Buffer(channels * states), Buffer(tokens * channels))
    scan.run(Engine(JK_SCALAR), first: 0, last: tokens, state: state, y: y)
    for channel in 0..<channels {
      var s = [Double](repeating: 0, count: states)
      var largest = [Double](repeating: 0, count: states)
      for t in 0..<tokens {
        let at = t * channels + channel
        let u = Double(scan.u[at])
        let z = Double(scan.z[at])
        let raw = Double(scan.dt[at] + scan.bias[channel])
        let d = raw > 20 ? raw : log1p(exp(raw))
        var sum = u * Double(scan.d[channel])
        var magnitude = abs(sum)
        for n in 0..<states {
          let input = d * u * Double(scan.b[t * states + n])
          let decay = exp(d * Double(scan.a[n * channels + channel]))
          s[n] = decay * s[n] + input
          largest[n] = decay * largest[n] + abs(input)
          sum += s[n] * Double(scan.c[t * states + n])
          magnitude += abs(largest[n] * Double(scan.c[t * states + n]))
        }
        let gate = z / (1 + exp(-z))
        // `magnitude` bounds every partial sum. Relative errors of a term: softplus 5e-7, which exp(d A) turns into
        // |d A| exp(d A) <= 1/e times that, six tokens of exp and fma at 3e-7, 17 fma of the sum, the gate.
        #expect(abs(Double(y[at]) - sum * gate) <= 5e-6 * magnitude * abs(gate))
      }
    }
  }

  /// With A = 0, u = B = C = 1 and silu(30) = 30, the scan's result is 30 softplus(dt).
  @Test func softplus() {
    let x = stride(from: Float(-80), through: 30, by: 0.31).map { $0 }
    let one = Buffer(Array(repeating: Float(1), count: x.count))
    let (z, zero, dt) = (Buffer(one.array.map { $0 * 30 }), Buffer(x.count), Buffer(x))
    for set in instructionSets {
      let (state, y) = (Buffer(x.count), Buffer(x.count))
      var arguments = jk_scan_arguments()
      (arguments.u, arguments.b, arguments.c) = (
        UnsafePointer(one.pointer), UnsafePointer(one.pointer), UnsafePointer(one.pointer)
      )
      (arguments.dt, arguments.z) = (UnsafePointer(dt.pointer), UnsafePointer(z.pointer))
      (arguments.dt_bias, arguments.a, arguments.d) = (
        UnsafePointer(zero.pointer), UnsafePointer(zero.pointer), UnsafePointer(zero.pointer)
      )
      (arguments.state, arguments.y) = (UnsafePointer(state.pointer), y.pointer)
      (arguments.channels, arguments.state_size, arguments.tokens) = (x.count, 1, 1)
      Engine(set).run { jk_scan($0, &arguments) }
      for (index, value) in x.enumerated() {
        let expected = value > 20 ? Double(value) : log1p(exp(Double(value)))
        // exp and log1p to 3e-7 each, and the sum's and the product's rounding.
        #expect(abs(Double(y[index]) / 30 - expected) <= 7.5e-7 * expected)
      }
    }
  }

  /// Without a place for the next state and history, those given stay; without a bias, it is zero.
  @Test func whatIsLeftOutOfTheArguments() {
    var random = Random(25)
    let (channels, taps) = (13, 3)
    let past = random.normals((taps - 1) * channels)
    let weight = Buffer(random.normals(taps * channels))
    let scan = Scan(channels: channels, states: 4, tokens: 2, &random)
    let begin = random.normals(channels * 4)
    for set in instructionSets {
      let (history, y) = (Buffer(past), Buffer(2 * channels))
      var arguments = jk_convolution()
      (arguments.x, arguments.weight) = (UnsafePointer(scan.u.pointer), UnsafePointer(weight.pointer))
      (arguments.history, arguments.y) = (UnsafePointer(history.pointer), y.pointer)
      (arguments.x_stride, arguments.y_stride) = (channels, channels)
      (arguments.channels, arguments.taps, arguments.tokens) = (channels, taps, 2)
      Engine(set).run { jk_convolve($0, &arguments) }
      #expect(history.array == past)
      let all = past + scan.u.array
      for t in 0..<2 {
        for channel in 0..<channels {
          var sum: Float = 0
          for k in 0..<taps { sum.addProduct(weight[k * channels + channel], all[(t + k) * channels + channel]) }
          let expected = Double(sum) / (1 + exp(-Double(sum)))
          #expect(abs(Double(y[t * channels + channel]) - expected) <= 3.5e-7 * abs(expected))
        }
      }

      let (state, kept) = (Buffer(begin), Buffer(begin))
      let (moving, standing) = (Buffer(2 * channels), Buffer(2 * channels))
      scan.run(Engine(set), first: 0, last: 2, state: state, y: moving)
      scan.run(Engine(set), first: 0, last: 2, state: kept, y: standing, keepsState: true)
      #expect(moving.array == standing.array && kept.array == begin && state.array != begin)
    }
  }

  @Test(arguments: [1, 8, 11, 16, 40], [1, 2, 4]) func convolution(channels: Int, taps: Int) {
    var random = Random(24)
    let tokens = 6
    let past = random.normals((taps - 1) * channels)
    let x = Buffer(random.normals(tokens * channels))
    let weight = Buffer(random.normals(taps * channels))
    let bias = Buffer(random.normals(channels))
    for set in instructionSets {
      for chunks in [[0, 6], [0, 1, 2, 3, 4, 5, 6], [0, 2, 6]] {
        let (history, y) = (Buffer(past), Buffer(tokens * channels))
        let engine = Engine(set, threads: 2)
        for (first, last) in zip(chunks, chunks.dropFirst()) {
          var arguments = jk_convolution()
          arguments.x = UnsafePointer(x.pointer + first * channels)
          arguments.y = y.pointer + first * channels
          (arguments.x_stride, arguments.y_stride) = (channels, channels)
          (arguments.weight, arguments.bias) = (UnsafePointer(weight.pointer), UnsafePointer(bias.pointer))
          arguments.history = UnsafePointer(history.pointer)
          arguments.next_history = history.pointer
          (arguments.channels, arguments.taps, arguments.tokens) = (channels, taps, last - first)
          engine.run { jk_convolve($0, &arguments) }
        }
        let all = past + x.array
        #expect(history.array == Array(all.suffix((taps - 1) * channels)))
        for t in 0..<tokens {
          for channel in 0..<channels {
            var sum = bias[channel]
            for k in 0..<taps {
              sum = sum.addingProduct(weight[k * channels + channel], all[(t + k) * channels + channel])
            }
            let expected = Double(sum) / (1 + exp(-Double(sum)))
            #expect(abs(Double(y[t * channels + channel]) - expected) <= 3.5e-7 * abs(expected))
          }
        }
      }
    }
  }
}
