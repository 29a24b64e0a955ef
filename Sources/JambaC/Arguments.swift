// What comes from C is checked here before Swift could trap on it, and copied. Invariant of every function: pointers are
// followed only after they were found not to be NULL and to be aligned, and only as far as the caller's size says.

import JambaSystem

internal import CJamba
internal import JambaFormat

enum ArgumentLimits {
  static let textByteCount = 64 << 20
  static let tokenCount = 1 << 26
  static let messageCount = 1 << 16
  static let stopCount = 1 << 10
  static let biasCount = 1 << 16
  static let adapterCount = 64
  static let draftTextCount = 64
  static let structByteCount = 4096
}

private func check<T>(_ pointer: UnsafePointer<T>?, _ name: String) throws(Failure) -> UnsafePointer<T> {
  guard let pointer = unsafe pointer else { throw .argument("\(name) is NULL") }
  guard UInt(bitPattern: pointer) % UInt(MemoryLayout<T>.alignment) == 0 else {
    throw .argument("\(name) is not aligned")
  }
  return unsafe pointer
}

/// A struct that begins with its size: what the caller knows of it, the rest zero. NULL is all zero.
///
/// - Parameter first: the size that it had in the first version; nil where it has not grown since.
func structure<T: BitwiseCopyable>(
  _ pointer: UnsafePointer<T>?, _ zero: T, first: Int? = nil, _ name: String
) throws(Failure) -> T {
  guard unsafe pointer != nil else { return zero }
  let pointer = unsafe UnsafeRawPointer(try check(pointer, name))
  let size = unsafe try structSize(pointer, T.self, least: first ?? MemoryLayout<T>.size, name)
  // Fields that this version does not know must ask for nothing.
  for offset in min(MemoryLayout<T>.size, size)..<size
  where unsafe pointer.load(fromByteOffset: offset, as: UInt8.self) != 0 {
    throw .argument("\(name) uses a field that this version of the library does not know")
  }
  var value = zero
  unsafe withUnsafeMutableBytes(of: &value) { bytes in
    let known = min(bytes.count, size)
    unsafe bytes[..<known].copyBytes(from: UnsafeRawBufferPointer(start: pointer, count: known))
  }
  return value
}

/// Writes a struct that begins with its size into the caller's, as far as that knows it.
func store<T: BitwiseCopyable>(_ value: T, in target: UnsafeMutablePointer<T>?, _ name: String) throws(Failure) {
  let size = unsafe try checkResult(target, name)
  guard let target = unsafe target else { return }
  unsafe withUnsafeBytes(of: value) { bytes in
    let known = MemoryLayout<Int>.size..<min(size, bytes.count)
    unsafe UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(target), count: size)[known]
      .copyBytes(from: bytes[known])
  }
}

/// Checks a struct for a result before anything is done. - Returns: its size.
@discardableResult
func checkResult<T>(_ target: UnsafeMutablePointer<T>?, _ name: String) throws(Failure) -> Int {
  let pointer = unsafe try check(UnsafePointer(target), name)
  return unsafe try structSize(UnsafeRawPointer(pointer), T.self, least: MemoryLayout<T>.size, name)
}

/// - Parameter least: the struct's size in the first version. No version has one in which a field is cut.
private func structSize<T>(_ pointer: UnsafeRawPointer, _: T.Type, least: Int, _ name: String) throws(Failure) -> Int {
  let size = unsafe pointer.load(as: Int.self)
  guard least...ArgumentLimits.structByteCount ~= size, size % MemoryLayout<T>.alignment == 0 else {
    throw .argument(
      "\(name)->struct_size is \(size); set it to the size of the struct, which is \(MemoryLayout<T>.size)")
  }
  return size
}

/// Text that ends at the first NUL.
func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(Failure) -> String {
  let pointer = unsafe try check(pointer, name)
  var count = 0
  while unsafe pointer[count] != 0 {
    count += 1
    guard count <= ArgumentLimits.textByteCount else {
      throw .argument("\(name) is longer than \(ArgumentLimits.textByteCount) bytes")
    }
  }
  return unsafe try text(pointer, count, name)
}

/// Such a text; nil for NULL.
func optionalText(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(Failure) -> String? {
  unsafe pointer == nil ? nil : try text(pointer, name)
}

/// Text of a length.
func text(_ pointer: UnsafePointer<CChar>?, _ count: Int, _ name: String) throws(Failure) -> String {
  guard 0...ArgumentLimits.textByteCount ~= count else {
    throw .argument("the length of \(name) is not within 0...\(ArgumentLimits.textByteCount) bytes")
  }
  guard count > 0 else { return "" }
  let pointer = unsafe try check(pointer, name)
  let bytes = unsafe UnsafeBufferPointer(
    start: UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self), count: count)
  guard let text = unsafe String(validating: bytes, as: UTF8.self) else { throw .argument("\(name) is not UTF-8") }
  return text
}

/// JSON; nil for NULL.
func json(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(Failure) -> JSON? {
  guard let text = unsafe try optionalText(pointer, name) else { return nil }
  do { return try JSON.parse(text) } catch { throw .argument("\(name) is not JSON: \(error)") }
}

/// A JSON array; empty for NULL.
func jsonArray(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(Failure) -> [JSON] {
  guard let value = unsafe try json(pointer, name) else { return [] }
  guard let array = value.array else { throw .argument("\(name) is not a JSON array") }
  return array
}

func array<T>(_ pointer: UnsafePointer<T>?, _ count: Int, limit: Int, _ name: String) throws(Failure) -> [T] {
  guard 0...limit ~= count else { throw .argument("the number of \(name) is not within 0...\(limit)") }
  guard count > 0 else { return [] }
  return unsafe Array(UnsafeBufferPointer(start: try check(pointer, name), count: count))
}

func flags(_ given: UInt32, allowed: UInt32) throws(Failure) {
  guard given & ~allowed == 0 else { throw .argument("the flags \(given) are not all known here") }
}

/// Where the caller wants a handle.
func checkResult(_ target: UnsafeMutablePointer<OpaquePointer?>?) throws(Failure) {
  _ = unsafe try check(UnsafePointer(target), "the pointer to the result")
}

/// The caller's memory for a result of some length, checked before the result is made. Invariant: `target` is nil or the
/// start of `capacity` elements.
@safe
struct Room<Element> {
  private let target: UnsafeMutablePointer<Element>?
  private let capacity: Int
  private let count: UnsafeMutablePointer<Int>

  init(
    _ target: UnsafeMutablePointer<Element>?, _ capacity: Int, _ count: UnsafeMutablePointer<Int>?
  ) throws(Failure) {
    _ = unsafe try check(UnsafePointer(count), "the pointer to the count")
    guard capacity >= 0 else { throw .argument("the capacity is absurd") }
    if capacity > 0 { _ = unsafe try check(UnsafePointer(target), "the memory for the result") }
    unsafe (self.target, self.capacity, self.count) = (target, capacity, count!)
  }

  /// Writes `values` and then `terminator`, which does not count.
  func fill(_ values: Span<Element>, terminator: Element? = nil) throws(Failure) where Element: BitwiseCopyable {
    unsafe count.pointee = values.count
    guard capacity > 0, let target = unsafe target else { return }
    let needed = values.count + (terminator == nil ? 0 : 1)
    guard needed <= capacity else {
      throw Failure(JAMBA_ERROR_CAPACITY, "the capacity is \(capacity), and \(needed) are needed")
    }
    for index in values.indices { unsafe target[index] = values[index] }
    if let terminator { unsafe target[values.count] = terminator }
  }
}

/// The caller's memory for as many elements as it gave; none for NULL. Invariant: `target` is nil or the start of `count`
/// elements.
@safe
struct OptionalRoom<Element> {
  private let target: UnsafeMutablePointer<Element>?
  private let count: Int

  init(_ target: UnsafeMutablePointer<Element>?, _ count: Int, _ name: String) throws(Failure) {
    if unsafe target != nil { _ = unsafe try check(UnsafePointer(target), name) }
    unsafe (self.target, self.count) = (target, count)
  }

  func fill(_ value: (Int) -> Element) {
    guard let target = unsafe target else { return }
    for index in 0..<count { unsafe target[index] = value(index) }
  }
}

extension Room<CChar> {
  func fill(_ text: String) throws(Failure) {
    let bytes = text.utf8.map { CChar(bitPattern: $0) }
    try fill(bytes.span, terminator: 0)
  }
}

/// A text in an array of characters of a C struct, cut where it is too long, with a NUL at the end.
func copy<Characters>(_ text: String, to characters: inout Characters) {
  unsafe withUnsafeMutableBytes(of: &characters) { target in
    for (index, byte) in text.utf8.prefix(target.count - 1).enumerated() { unsafe target[index] = byte }
  }
}
