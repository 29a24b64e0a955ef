import CKernels
import Testing

/// How often each index was visited, and the ranges' bounds. Ranges do not overlap, so plain memory is enough.
private struct Visits {
  var counts: UnsafeMutablePointer<UInt32>
  var grain: Int
  var wellFormed: UnsafeMutablePointer<Bool>
}

private func visit(_ context: UnsafeMutableRawPointer?, first: Int, last: Int) {
  let visits = context!.assumingMemoryBound(to: Visits.self).pointee
  if first % visits.grain != 0 || last <= first || last - first > visits.grain {
    visits.wellFormed.pointee = false
  }
  for index in first..<last { visits.counts[index] += 1 }
}

private func check(_ pool: OpaquePointer, count: Int, grain: Int) -> Bool {
  let counts = Buffer(count, UInt32(0))
  let wellFormed = Buffer(1, true)
  var visits = Visits(counts: counts.pointer, grain: max(grain, 1), wellFormed: wellFormed.pointer)
  jk_pool_run(pool, visit, &visits, count, grain)
  return wellFormed[0] && counts.array.allSatisfy { $0 == 1 }
}

@Suite struct PoolTests {
  @Test(arguments: [1, 2, 3, 8]) func visitsEachIndexOnce(threads: Int) {
    let pool = jk_pool_create(threads)!
    defer { jk_pool_free(pool) }
    #expect(jk_pool_threads(pool) == threads)
    for count in [0, 1, 2, 7, 64, 1001] {
      for grain in [0, 1, 3, 64, 5000, Int.max] {
        #expect(check(pool, count: count, grain: grain), "\(count) by \(grain)")
      }
    }
  }

  @Test func survivesThousandsOfRuns() {
    let pool = jk_pool_create(3)!
    defer { jk_pool_free(pool) }
    for run in 0..<5000 { #expect(check(pool, count: 5 + run % 7, grain: 1)) }
  }

  @Test func isFreedWhileIdleOrAsleep() {
    for _ in 0..<50 {
      let pool = jk_pool_create(4)!
      #expect(check(pool, count: 100, grain: 3))
      jk_pool_free(pool)
    }
    jk_pool_free(nil)
    #expect(jk_pool_create(0) == nil)
  }

  @Test func callersTakeTurns() async {
    nonisolated(unsafe) let pool = jk_pool_create(3)!
    defer { jk_pool_free(pool) }
    let good = await withTaskGroup(of: Bool.self) { group in
      for caller in 0..<4 {
        group.addTask { (0..<200).allSatisfy { check(pool, count: 20 + caller + $0 % 5, grain: 2) } }
      }
      return await group.allSatisfy { $0 }
    }
    #expect(good)
  }

  @Test func namesAndChoosesInstructionSets() {
    #expect(String(cString: jk_instruction_set_name(JK_SCALAR)) == "scalar")
    #expect(String(cString: jk_instruction_set_name(JK_INSTRUCTION_SETS)) == "unknown")
    #expect(instructionSets.first == JK_SCALAR && instructionSets.last == jk_best_instruction_set())
    let names = Set(instructionSets.map { String(cString: jk_instruction_set_name($0)) })
    #expect(names.count == instructionSets.count && !names.contains("unknown"))
  }
}
