import CKernels
import CQuantizers
import CStorage
import Testing

/// The instruction sets of this machine, the specification first.
let instructionSets = (0..<JK_INSTRUCTION_SETS.rawValue).map { jk_instruction_set($0) }.filter {
  jk_kernels_of($0) != nil
}

/// A pool and the kernels of one instruction set.
final class Engine {
  private let pool: OpaquePointer
  private var value: jk_engine

  init(_ set: jk_instruction_set, threads: Int = 1) {
    pool = jk_pool_create(threads)!
    value = jk_engine(pool: pool, kernels: jk_kernels_of(set)!)
  }

  deinit { jk_pool_free(pool) }

  func run(_ body: (UnsafePointer<jk_engine>) -> Void) {
    withUnsafePointer(to: &value, body)
  }
}

/// Memory of a fixed size on a cache line, zero at first.
final class Buffer<Element: BitwiseCopyable> {
  let pointer: UnsafeMutablePointer<Element>
  let count: Int

  init(_ count: Int, _ zero: Element) {
    self.count = count
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Element>.stride, alignment: 64)
    pointer = raw.initializeMemory(as: Element.self, repeating: zero, count: count)
  }

  deinit { pointer.deallocate() }

  subscript(index: Int) -> Element {
    get { pointer[index] }
    set { pointer[index] = newValue }
  }

  var array: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
}

extension Buffer where Element == Float {
  convenience init(_ values: [Float]) {
    self.init(values.count, 0)
    for (index, value) in values.enumerated() { self[index] = value }
  }

  convenience init(_ count: Int) { self.init(count, 0) }
}

/// SplitMix64: the same numbers on every machine.
struct Random {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In 0 ..< 1.
  mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// The sum of 12 uniform numbers less 6: variance 1, tails up to 6, no libm.
  mutating func normal() -> Float {
    var sum = -6.0
    for _ in 0..<12 { sum += uniform() }
    return Float(sum)
  }

  mutating func normals(_ count: Int) -> [Float] { (0..<count).map { _ in normal() } }
}

/// What a test feeds to a kernel.
enum Pattern: CaseIterable {
  case normal, equal, alternating, zero, subnormal, huge, infinite, notANumber

  func values(_ count: Int, _ random: inout Random) -> [Float] {
    var values = random.normals(count)
    guard count > 0 else { return values }
    switch self {
    case .normal: break
    case .equal: values = Array(repeating: 1.5, count: count)
    case .alternating: values = (0..<count).map { $0 % 2 == 0 ? 1.5 : -1.5 }
    case .zero: values = (0..<count).map { $0 % 2 == 0 ? 0 : -0.0 }
    case .subnormal: values = values.map { $0 * 0x1p-136 }
    case .huge: values[count / 2] = 3e37
    case .infinite: values[count / 3] = -.infinity
    case .notANumber: values[count - 1] = .nan
    }
    return values
  }
}

/// The first place where bits differ. Any NaN equals any other.
func firstDifference(_ a: [Float], _ b: [Float]) -> String? {
  guard a.count == b.count else { return "\(a.count) and \(b.count) values" }
  for index in a.indices
  where a[index].bitPattern != b[index].bitPattern && !(a[index].isNaN && b[index].isNaN) {
    return "at \(index): \(a[index]) and \(b[index])"
  }
  return nil
}

/// Activations with their quantized copy.
final class Activations {
  let count: Int
  let width: Int
  let stride: Int
  let values: Buffer<Float>
  let codes: Buffer<Int8>
  let scales: Buffer<Float>
  let offsets: Buffer<Int32>

  init(count: Int, width: Int, values source: [Float]) {
    self.count = count
    self.width = width
    stride = (width + 31) / 32 * 32
    values = Buffer(count * stride)
    codes = Buffer(count * stride, 0)
    scales = Buffer(count * stride / 32)
    offsets = Buffer(count * stride / 32, 0)
    for row in 0..<count {
      for column in 0..<width { values[row * stride + column] = source[row * width + column] }
    }
  }

  func rows(from first: Int = 0) -> jk_rows {
    jk_rows(
      values: values.pointer + first * stride, codes: codes.pointer + first * stride,
      scales: scales.pointer + first * stride / 32, offsets: offsets.pointer + first * stride / 32,
      stride: stride)
  }

  func quantize(_ engine: Engine) {
    var rows = rows()
    engine.run { jk_quantize($0, &rows, count) }
  }
}

/// A matrix and the memory of its strips.
final class Matrix {
  let bytes: Buffer<UInt8>
  let value: jk_matrix
  let stripSize: Int

  init(_ type: jk_type, rows: Int, columns: Int) {
    stripSize = jk_strip_size(type, columns)
    bytes = Buffer((rows + 7) / 8 * stripSize, 0)
    value = jk_matrix(
      strips: bytes.pointer, type: type, rows: UInt32(rows), columns: UInt32(columns))
  }

  /// Encodes `weights`, rows x columns.
  convenience init(_ type: jk_type, rows: Int, columns: Int, weights: [Float]) {
    self.init(type, rows: rows, columns: columns)
    var error = [0.0, 0.0]
    weights.withUnsafeBufferPointer { weights in
      for first in Swift.stride(from: 0, to: rows, by: 8) {
        jk_encode_strip(
          type, weights.baseAddress! + first * columns, columns, min(8, rows - first), columns, nil, 0,
          bytes.pointer + first / 8 * stripSize, &error)
      }
    }
  }

  func multiply(
    _ engine: Engine, _ activations: Activations, from first: Int = 0, count: Int,
    index: [UInt32]? = nil
  ) -> [Float] {
    let stride = (Int(value.rows) + 7) / 8 * 8
    let result = Buffer(count * stride)
    var matrix = value
    var rows = activations.rows(from: first)
    engine.run { engine in
      if let index {
        jk_matmul(engine, &matrix, &rows, index, count, result.pointer, stride)
      } else {
        jk_matmul(engine, &matrix, &rows, nil, count, result.pointer, stride)
      }
    }
    return result.array
  }
}

/// Every type of weights, from the kernels' list.
let types = (0..<256).filter { jk_is_type($0) }.map { jk_type($0) }
let codeTypes = types.filter { jk_has_codes($0) }
let floatTypes = types.filter { !jk_has_codes($0) }
