import CKernels
import Foundation
import Testing

/// A KV cache with room for `positions`, or for a window of them; memory that was never written holds NaN.
final class Cache {
  let type: jk_kv_type
  let kvHeads: Int
  let headSize: Int
  private let window: Int
  private let sinks: Int
  private let fixed: Int
  private let pages: [Buffer<UInt16>]
  private let pointers: Buffer<UnsafeMutableRawPointer?>

  /// - Parameter batch: the most positions that are stored together.
  init(
    _ type: jk_kv_type, kvHeads: Int, headSize: Int, positions: Int, window: Int = .max, sinks: Int = 0, batch: Int = 1
  ) {
    self.type = type
    self.kvHeads = kvHeads
    self.headSize = headSize
    self.window = window
    self.sinks = sinks
    let size = jk_kv_page_size(type, kvHeads, headSize)
    fixed = window == .max ? (positions + 63) / 64 : (sinks + 63) / 64
    // Positions that a batch sees begin anywhere in a page.
    let ring = window == .max ? 0 : (window - 1 + batch + 126) / 64
    pages = (0..<fixed + ring).map { _ in Buffer(size / 2, 0x7FFF) }
    pointers = Buffer(pages.count, nil)
    for (index, page) in pages.enumerated() { pointers[index] = UnsafeMutableRawPointer(page.pointer) }
  }

  var value: jk_kv {
    jk_kv(
      pages: pointers.pointer, fixed_pages: fixed, ring_pages: pages.count - fixed, sinks: sinks, window: window,
      type: type, kv_heads: kvHeads, head_size: headSize)
  }

  var bits: [UInt16] { pages.flatMap(\.array) }

  func store(_ engine: Engine, _ k: [Float], _ v: [Float], first: Int, tokens: Int) {
    var kv = value
    let stride = kvHeads * headSize
    engine.run { jk_kv_store($0, &kv, k, stride, v, stride, first, tokens) }
  }

  func attend(_ engine: Engine, _ q: [Float], heads: Int, scale: Float, first: Int, tokens: Int) -> [Float] {
    var kv = value
    let stride = heads * headSize
    let y = Buffer(tokens * stride)
    let scratch = Buffer(jk_attend_scratch(heads, headSize))
    engine.run { jk_attend($0, &kv, q, stride, heads, scale, first, tokens, y.pointer, stride, scratch.pointer) }
    return y.array
  }
}

private let cacheTypes = [JK_KV_F32, JK_KV_F16, JK_KV_I8]

@Suite struct AttentionTests {
  @Test(arguments: cacheTypes, [1, 8, 20, 64, 72])
  func everyInstructionSetGivesTheBitsOfScalar(type: jk_kv_type, headSize: Int) {
    var random = Random(31)
    let (heads, kvHeads) = (4, 2)
    let positions = 70
    for pattern in Pattern.allCases {
      let k = random.normals(positions * kvHeads * headSize)
      let v = pattern.values(positions * kvHeads * headSize, &random)
      let q = random.normals(positions * heads * headSize)
      let results = instructionSets.map { set -> ([Float], [UInt16]) in
        let engine = Engine(set, threads: 2)
        let cache = Cache(type, kvHeads: kvHeads, headSize: headSize, positions: positions)
        cache.store(engine, k, v, first: 0, tokens: positions)
        let last = Array(q.suffix(3 * heads * headSize))
        return (
          cache.attend(engine, last, heads: heads, scale: 0.3, first: positions - 3, tokens: 3)
            + cache.attend(engine, q, heads: heads, scale: 0.3, first: 0, tokens: 2),
          cache.bits
        )
      }
      for result in results.dropFirst() {
        #expect(firstDifference(results[0].0, result.0) == nil)
        #expect(pattern == .notANumber || results[0].1 == result.1)
      }
    }
  }

  /// Bits depend on the position alone: not on how the tokens are batched, nor on what lies beyond them in the cache.
  @Test(arguments: cacheTypes) func batchesAndLaterPositionsChangeNothing(type: jk_kv_type) {
    var random = Random(32)
    let (heads, headSize, positions) = (2, 8, 300)
    let k = random.normals(positions * headSize)
    let v = random.normals(positions * headSize)
    let q = random.normals(positions * heads * headSize)
    let row = heads * headSize
    for set in instructionSets {
      let engine = Engine(set, threads: 3)
      let whole = Cache(type, kvHeads: 1, headSize: headSize, positions: positions)
      whole.store(engine, k, v, first: 0, tokens: positions)
      let together = whole.attend(engine, q, heads: heads, scale: 0.5, first: 0, tokens: positions)
      let growing = Cache(type, kvHeads: 1, headSize: headSize, positions: positions)
      for t in 0..<positions {
        growing.store(
          engine, Array(k[t * headSize..<(t + 1) * headSize]), Array(v[t * headSize..<(t + 1) * headSize]),
          first: t, tokens: 1)
        guard t < 10 || t % 31 == 0 || t > 250 else { continue }
        let alone = growing.attend(
          engine, Array(q[t * row..<(t + 1) * row]), heads: heads, scale: 0.5, first: t, tokens: 1)
        #expect(firstDifference(alone, Array(together[t * row..<(t + 1) * row])) == nil, "position \(t)")
      }
    }
  }

  /// A text of several parts gives the same bits whether threads share its positions or its tokens.
  @Test(arguments: [3000, Int.max]) func partsAndThreadsChangeNothing(window: Int) {
    var random = Random(36)
    let (heads, kvHeads, headSize, positions) = (6, 2, 12, 6500)
    let k = random.normals(positions * kvHeads * headSize)
    let v = random.normals(positions * kvHeads * headSize)
    let (row, most) = (heads * headSize, 40)
    let q = random.normals(most * row)
    var expected: [Float]?
    for set in instructionSets {
      let cache = Cache(
        JK_KV_I8, kvHeads: kvHeads, headSize: headSize, positions: positions, window: window,
        sinks: window == .max ? 0 : 70,
        batch: positions)
      cache.store(Engine(set, threads: 2), k, v, first: 0, tokens: positions)
      for threads in [1, 3] {
        let engine = Engine(set, threads: threads)
        for batch in [1, 5, 16, most] where set != JK_SCALAR || (threads, batch) == (3, 16) || batch == most {
          var y: [Float] = []
          for first in stride(from: 0, to: most, by: batch) {
            let count = min(batch, most - first)
            y += cache.attend(
              engine, Array(q[first * row..<(first + count) * row]), heads: heads, scale: 0.5,
              first: positions - most + first,
              tokens: count)
          }
          expected = expected ?? y
          #expect(firstDifference(expected!, y) == nil, "\(set), \(threads) threads, batches of \(batch)")
        }
      }
    }
  }

  /// Every window, ring and batch against sums over the visible positions in Double.
  @Test(arguments: cacheTypes, [1, 2, 63, 64, 65, 130, Int.max]) func agreesWithDouble(type: jk_kv_type, window: Int) {
    var random = Random(33)
    let (heads, kvHeads, headSize, positions) = (6, 2, 16, 420)
    let k = random.normals(positions * kvHeads * headSize)
    let v = random.normals(positions * kvHeads * headSize)
    let q = random.normals(positions * heads * headSize)
    let (keys, values) = (stored(k, as: type, headSize), stored(v, as: type, headSize))
    // Where keys are codes, so are queries.
    let queries = type == JK_KV_I8 ? stored(q, as: type, headSize) : q.map(Double.init)
    for sinks in [0, 1, 4, 64, 70] where window > sinks {
      var expected: [Float]?
      for batch in [1, 7, 64, 100, positions] {
        for set in instructionSets where set != JK_SCALAR || batch == 7 {
          let cache = Cache(
            type, kvHeads: kvHeads, headSize: headSize, positions: positions, window: window, sinks: sinks, batch: batch
          )
          let engine = Engine(set, threads: 2)
          var y: [Float] = []
          for first in stride(from: 0, to: positions, by: batch) {
            let range = first..<min(positions, first + batch)
            func rows(_ x: [Float], _ width: Int) -> [Float] {
              Array(x[range.lowerBound * width..<range.upperBound * width])
            }
            cache.store(
              engine, rows(k, kvHeads * headSize), rows(v, kvHeads * headSize), first: first, tokens: range.count)
            y += cache.attend(
              engine, rows(q, heads * headSize), heads: heads, scale: 0.25, first: first, tokens: range.count)
          }
          if let expected { #expect(firstDifference(expected, y) == nil, "\(sinks) sinks, batches of \(batch)") }
          expected = expected ?? y
        }
      }
      for position in [0, 1, 5, 63, 64, 130, 200, 257, positions - 1] {
        let visible = (0...position).filter { $0 < sinks || position - $0 < window }
        for head in 0..<heads {
          let shared = head / 3
          let weights = visible.map { seen in
            var score = 0.0
            for i in 0..<headSize {
              score +=
                queries[(position * heads + head) * headSize + i] * keys[(seen * kvHeads + shared) * headSize + i]
            }
            return exp(score * 0.25)
          }
          let sum = weights.reduce(0, +)
          // Of codes: half a step, of which the block's largest weight times its value's scale has 254.
          var steps: [Int: Double] = [:]
          func scale(_ seen: Int) -> Double {
            let start = (seen * kvHeads + shared) * headSize
            return Double(v[start..<start + headSize].map(\.magnitude).max()! / 127)
          }
          for (weight, seen) in zip(weights, visible) where type == JK_KV_I8 {
            steps[seen / 64] = max(steps[seen / 64] ?? 0, weight * scale(seen) / 254)
          }
          for i in 0..<headSize {
            var (average, magnitude, rounding) = (0.0, 0.0, 0.0)
            for (weight, seen) in zip(weights, visible) {
              let value = values[(seen * kvHeads + shared) * headSize + i]
              average += weight / sum * value
              magnitude += weight / sum * abs(value)
              if let step = steps[seen / 64] { rounding += step * 0.501 / sum * abs(value) / scale(seen) }
            }
            // Scores are below 16 in magnitude here, with 17 roundings (19 for codes): 16 x 19 x 2^-24 = 1.8e-5 in the
            // exponent at worst; 420 fma of the sums add 2.5e-5 in the worst case.
            let error = abs(Double(expected![(position * heads + head) * headSize + i]) - average)
            #expect(error <= 4.5e-5 * magnitude + rounding)
          }
        }
      }
    }
  }

  /// Every element of every page where CKernels.h has it, and nothing else written.
  @Test(arguments: cacheTypes) func pagesFollowTheLayout(type: jk_kv_type) {
    var random = Random(35)
    let (kvHeads, headSize, positions) = (3, 10, 90)
    let k = random.normals(positions * kvHeads * headSize)
    let v = random.normals(positions * kvHeads * headSize)
    let (keys, values) = (stored(k, as: type, headSize), stored(v, as: type, headSize))
    let keyColumns = type == JK_KV_I8 ? (headSize + 3) / 4 * 4 : headSize
    for set in instructionSets {
      let cache = Cache(type, kvHeads: kvHeads, headSize: headSize, positions: positions)
      cache.store(Engine(set), k, v, first: 0, tokens: positions)
      let kv = cache.value
      var written = 0
      for position in 0..<positions {
        let page = kv.pages[position / 64]!
        let slot = position % 64
        func element(_ index: Int) -> Double {
          written += 1
          switch type {
          case JK_KV_F32: return Double(page.load(fromByteOffset: 4 * index, as: Float.self))
          case JK_KV_F16: return Double(halfToFloat(page.load(fromByteOffset: 2 * index, as: UInt16.self)))
          default: return Double(page.load(fromByteOffset: index, as: Int8.self))
          }
        }
        // JK_KV_I8: behind the codes, scales of a head's 64 keys, then of its 64 values.
        func scale(_ head: Int, isValue: Bool) -> Double {
          guard type == JK_KV_I8 else { return 1 }
          let place = 64 * kvHeads * (keyColumns + headSize) + 4 * ((2 * head + (isValue ? 1 : 0)) * 64 + slot)
          return Double(page.load(fromByteOffset: place, as: Float.self))
        }
        for head in 0..<kvHeads {
          for i in 0..<headSize {
            let at = (position * kvHeads + head) * headSize + i
            let start = head * 64 * (keyColumns + headSize)
            let (keyPlace, valuePlace) =
              type == JK_KV_I8
              ? (
                (slot / 16 * keyColumns / 4 + i / 4) * 64 + slot % 16 * 4 + i % 4,
                (slot / 4 * headSize + i) * 4 + slot % 4
              )
              : ((slot / 8 * headSize + i) * 8 + slot % 8, slot * headSize + i)
            let key = element(start + keyPlace) * scale(head, isValue: false)
            let value = element(start + 64 * keyColumns + valuePlace) * scale(head, isValue: true)
            #expect(key == keys[at] && value == values[at], "position \(position), head \(head), element \(i)")
          }
        }
      }
      #expect(written == 2 * positions * kvHeads * headSize)
      // Two pages have 128 positions: what was not stored is still NaN, bytes of 0xFF and 0x7F.
      let width = type == JK_KV_F32 ? 2 : 1
      let untouched = cache.bits.filter { $0 == 0x7FFF }.count
      if type != JK_KV_I8 { #expect(untouched == (128 - positions) * kvHeads * headSize * 2 * width) }
    }
  }

  /// What a cache makes of keys or values, from the definition.
  private func stored(_ x: [Float], as type: jk_kv_type, _ headSize: Int) -> [Double] {
    switch type {
    case JK_KV_F32: return x.map(Double.init)
    case JK_KV_F16: return x.map { Double(halfToFloat(nearestHalf($0))) }
    default:
      return stride(from: 0, to: x.count, by: headSize).flatMap { start -> [Double] in
        let row = x[start..<start + headSize]
        let maximum = row.map(\.magnitude).max()!
        return row.map { Double(maximum / 127) * Double(($0 * (127 / maximum)).rounded(.toNearestOrEven)) }
      }
    }
  }

  /// The half nearest to `x`, found by comparing with both neighbours in Double.
  private func nearestHalf(_ x: Float) -> UInt16 {
    let sign: UInt16 = x.sign == .minus ? 0x8000 : 0
    let magnitude = Double(x.magnitude)
    var low = 0
    var high = 0x7C00
    while high - low > 1 {
      let middle = (low + high) / 2
      if half(middle) <= magnitude { low = middle } else { high = middle }
    }
    let below = magnitude - half(low)
    let above = half(high) - magnitude
    let up = above < below || (above == below && low % 2 == 1)
    return sign | UInt16(up ? high : low)
  }

  /// The value of a half's magnitude; the first infinite one counts as 65536, the next step of the grid.
  private func half(_ bits: Int) -> Double {
    let (exponent, fraction) = (bits >> 10, Double(bits & 0x3FF))
    return exponent == 0 ? fraction * 0x1p-24 : (1024 + fraction) * exp2(Double(exponent - 25))
  }

  private func halfToFloat(_ bits: UInt16) -> Float {
    let magnitude = Int(bits & 0x7FFF)
    let value: Float = magnitude >= 0x7C00 ? (magnitude == 0x7C00 ? .infinity : .nan) : Float(half(magnitude))
    return bits & 0x8000 == 0 ? value : -value
  }

  /// Stored as V of one position, a half comes back as y: p = l = 1 exactly.
  @Test func everyHalfSurvives() {
    let headSize = 4096
    for set in instructionSets {
      let engine = Engine(set)
      for first in stride(from: 0, to: 65536, by: headSize) {
        let halves = (0..<headSize).map { UInt16(first + $0) }
        let values = halves.map(halfToFloat)
        let cache = Cache(JK_KV_F16, kvHeads: 1, headSize: headSize, positions: 1)
        cache.store(engine, values.map { $0.isFinite ? $0 : 0 }, values, first: 0, tokens: 1)
        // Infinities become the largest halves.
        let kept = values.map { $0.isNaN ? $0 : max(-65504, min(65504, $0)) }
        let stored = Array(cache.bits[64 * headSize..<65 * headSize])
        for (index, bits) in halves.enumerated() {
          let same = values[index].isNaN ? halfToFloat(stored[index]).isNaN : halfToFloat(stored[index]) == kept[index] && stored[index] & 0x8000 == bits & 0x8000
          if !same { Issue.record("\(bits) became \(stored[index])") }
        }
        let y = cache.attend(
          engine, Array(repeating: 0, count: headSize), heads: 1, scale: 1, first: 0, tokens: 1)
        let returned = zip(y, kept).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
        #expect(returned)
      }
    }
  }

  @Test func floatsRoundToTheNearestHalf() {
    var random = Random(34)
    // All magnitudes, and the midpoints between halves with their neighbours.
    var values = (0..<2000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next())) }
    for bits in [0, 1, 2, 0x3FF, 0x400, 0x401, 0x3BFF, 0x3C00, 0x7BFE, 0x7BFF] {
      let middle = Float((half(bits) + half(bits + 1)) / 2)
      values += [middle, middle.nextUp, middle.nextDown, -middle]
    }
    values = values.filter { !$0.isNaN }
    let expected = values.map { nearestHalf(max(-65504, min(65504, $0))) }
    for set in instructionSets {
      let cache = Cache(JK_KV_F16, kvHeads: 1, headSize: values.count, positions: 1)
      cache.store(Engine(set), values, values, first: 0, tokens: 1)
      let stored = Array(cache.bits[64 * values.count..<65 * values.count])
      #expect(stored == expected)
    }
  }
}
