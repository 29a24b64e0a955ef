import CKernels
import Testing

/// Keys and values in four bits: what CKernels.h says of JK_KV_I4.
@Suite struct FourBitCacheTests {
  private static let points: [Float] = [-127, -96, -75, -58, -44, -31, -18, -6, 6, 18, 31, 44, 58, 75, 96, 127]

  /// H x times a factor.
  private func turned(_ x: ArraySlice<Float>, by factor: Float) -> [Float] {
    var x = Array(x)
    var half = 1
    while half < x.count {
      for start in stride(from: 0, to: x.count, by: 2 * half) {
        for i in start..<start + half { (x[i], x[i + half]) = (x[i] + x[i + half], x[i] - x[i + half]) }
      }
      half *= 2
    }
    return x.map { $0 * factor }
  }

  /// A page's index of element `element` in JK_KV_I8's order.
  private func index(_ page: UnsafeMutableRawPointer, _ element: Int) -> Int {
    let byte = page.load(fromByteOffset: element / 128 * 64 + element % 64, as: UInt8.self)
    return Int(element / 64 % 2 == 0 ? byte & 15 : byte >> 4)
  }

  @Test func takesPowersOfTwo() {
    let sizes = (0...512).filter { jk_kv_takes(JK_KV_I4, $0) }
    #expect(sizes == [32, 64, 128, 256])
    #expect(jk_kv_takes(JK_KV_I8, 12))
    #expect(jk_kv_page_size(JK_KV_I4, 8, 128) == 8 * 64 * (128 + 8))
  }

  /// Each element is the nearest point, and the scale the best of nine.
  @Test(arguments: [32, 128]) func pagesHoldTheNearestPoints(headSize: Int) {
    var random = Random(41)
    let (kvHeads, positions) = (3, 70)
    let k = random.normals(positions * kvHeads * headSize)
    let v = random.normals(positions * kvHeads * headSize)
    for set in instructionSets {
      let cache = Cache(JK_KV_I4, kvHeads: kvHeads, headSize: headSize, positions: positions)
      cache.store(Engine(set, threads: 2), k, v, first: 0, tokens: positions)
      let kv = cache.value
      for position in 0..<positions {
        let page = kv.pages[position / 64]!
        let slot = position % 64
        for head in 0..<kvHeads {
          let start = (position * kvHeads + head) * headSize
          let base = head * 64 * 2 * headSize
          for isValue in [false, true] {
            let x = turned((isValue ? v : k)[start..<start + headSize], by: 1)
            let place = 64 * kvHeads * headSize + 4 * ((2 * head + (isValue ? 1 : 0)) * 64 + slot)
            let scale = page.load(fromByteOffset: place, as: Float.self)
            let indices = (0..<headSize).map { i in
              index(
                page,
                isValue
                  ? base + 64 * headSize + (slot / 4 * headSize + i) * 4 + slot % 4
                  : base + (slot / 16 * headSize / 4 + i / 4) * 64 + slot % 16 * 4 + i % 4)
            }
            func error(_ scale: Double) -> Double {
              x.map { x in
                FourBitCacheTests.points.map { (Double($0) * scale - Double(x)) * (Double($0) * scale - Double(x)) }
                  .min()!
              }
              .reduce(0, +)
            }
            let largest = Double(x.map(\.magnitude).max()!)
            let least = (0..<9).map { error(largest / 127 * (0.6 + 0.05 * Double($0))) }.min()!
            let stored = zip(x, indices).map { x, index in
              let difference = Double(FourBitCacheTests.points[index]) * Double(scale) - Double(x)
              return difference * difference
            }.reduce(0, +)
            #expect(stored <= least * 1.00001)
          }
        }
      }
    }
  }

  /// The bits of a cache of bytes that holds the same points, for queries that were turned, turned back.
  @Test(arguments: [(32, Int.max, 0), (64, 100, 3), (128, Int.max, 0)])
  func attendsAsToBytes(headSize: Int, window: Int, sinks: Int) {
    var random = Random(42)
    let (heads, kvHeads, positions, tokens) = (6, 2, 2500, 5)
    let k = random.normals(positions * kvHeads * headSize)
    let v = random.normals(positions * kvHeads * headSize)
    let q = random.normals(tokens * heads * headSize)
    func cache(_ type: jk_kv_type) -> Cache {
      Cache(
        type, kvHeads: kvHeads, headSize: headSize, positions: positions, window: window, sinks: sinks, batch: positions
      )
    }
    let (four, eight) = (cache(JK_KV_I4), cache(JK_KV_I8))
    let best = instructionSets.last!
    four.store(Engine(best, threads: 2), k, v, first: 0, tokens: positions)
    let (from, to) = (four.value, eight.value)
    let codes = 64 * kvHeads * 2 * headSize
    for number in 0..<from.fixed_pages + from.ring_pages {
      for element in 0..<codes {
        let point = FourBitCacheTests.points[index(from.pages[number]!, element)]
        to.pages[number]!.storeBytes(of: Int8(point), toByteOffset: element, as: Int8.self)
      }
      (to.pages[number]! + codes).copyMemory(from: from.pages[number]! + codes / 2, byteCount: 2 * 64 * kvHeads * 4)
    }
    func rows(_ x: [Float], by factor: Float) -> [Float] {
      stride(from: 0, to: x.count, by: headSize).flatMap { turned(x[$0..<$0 + headSize], by: factor) }
    }
    let unit = 1 / Float(headSize)
    let expected = rows(
      eight.attend(
        Engine(best, threads: 1), rows(q, by: unit), heads: heads, scale: 0.2, first: positions - tokens, tokens: tokens
      ),
      by: unit)
    for set in instructionSets {
      for threads in [1, 3] {
        let y = four.attend(
          Engine(set, threads: threads), q, heads: heads, scale: 0.2, first: positions - tokens, tokens: tokens)
        #expect(firstDifference(expected, y) == nil, "\(set), \(threads) threads")
      }
    }
  }

  /// What is no number shows in the result, and what is zero stays zero.
  @Test func extremesAreNoAccident() {
    let (headSize, positions) = (32, 3)
    for (value, expected) in [(Float.nan, Float.nan), (.infinity, .nan), (0, 0), (1e-42, 0)] {
      for set in instructionSets {
        let cache = Cache(JK_KV_I4, kvHeads: 1, headSize: headSize, positions: positions)
        let engine = Engine(set)
        cache.store(
          engine, [Float](repeating: 0.5, count: positions * headSize),
          [Float](repeating: value, count: positions * headSize),
          first: 0, tokens: positions)
        let y = cache.attend(
          engine, [Float](repeating: 1, count: headSize), heads: 1, scale: 1, first: positions - 1, tokens: 1)
        #expect(y.allSatisfy { expected.isNaN ? $0.isNaN : $0 == expected }, "\(value)")
      }
    }
  }
}
