import Foundation

/// What a worker is at, in memory that outlives it: a mapped file.
final class SharedState {
  let path: String
  private let numbers: UnsafeMutablePointer<Int>
  private static let numberCount = 8
  private static let inputLimit = 16 << 20
  private static let byteCount = numberCount * MemoryLayout<Int>.size + inputLimit

  init(path: String) throws {
    self.path = path
    let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
    defer { close(descriptor) }
    guard descriptor >= 0, ftruncate(descriptor, off_t(SharedState.byteCount)) == 0,
      let address = mmap(nil, SharedState.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      address != MAP_FAILED
    else { throw CocoaError(.fileWriteUnknown) }
    numbers = address.bindMemory(to: Int.self, capacity: SharedState.numberCount)
  }

  deinit { munmap(numbers, SharedState.byteCount) }

  private var bytes: UnsafeMutablePointer<UInt8> {
    UnsafeMutableRawPointer(numbers + SharedState.numberCount).assumingMemoryBound(to: UInt8.self)
  }

  /// Inputs that have been run.
  var executions: Int {
    get { numbers[0] }
    set { numbers[0] = newValue }
  }

  /// Those that took too much time or memory.
  var excesses: Int {
    get { numbers[1] }
    set { numbers[1] = newValue }
  }

  /// Whether the targets' own inputs have been run.
  var isBehindSeeds: Bool {
    get { numbers[2] != 0 }
    set { numbers[2] = newValue ? 1 : 0 }
  }

  /// The input that is being run.
  var input: [UInt8] {
    get { Array(UnsafeBufferPointer(start: bytes, count: numbers[3])) }
    set {
      numbers[3] = min(newValue.count, SharedState.inputLimit)
      newValue.withUnsafeBufferPointer { if let start = $0.baseAddress { memcpy(bytes, start, numbers[3]) } }
    }
  }
}
