import JambaFormat

/// A tensor of an adapter's file.
struct AdapterTensor: Sendable {
  /// As in the file.
  let name: String
  let type: String
  let shape: [Int]
  let byteCount: Int
  private let storage: Storage

  private enum Storage: Sendable {
    case safetensors(SafetensorsFile, StoredFloat, start: Int)
    case gguf(GGUFFile, GGUFFile.Tensor, GGUFType)
  }

  /// - Throws: `adapter` for a type that is not read, and a tensor without numbers.
  init(_ tensor: SafetensorsHeader.Tensor, in file: SafetensorsFile) throws(ConversionError) {
    guard let type = StoredFloat(rawValue: tensor.type) else {
      throw .adapter(path: file.path, reason: "\(tensor.name) has type \(tensor.type), which is not read")
    }
    guard !tensor.range.isEmpty else { throw .adapter(path: file.path, reason: "\(tensor.name) is empty") }
    name = tensor.name
    self.type = tensor.type
    shape = tensor.shape
    byteCount = tensor.range.count
    storage = .safetensors(file, type, start: tensor.range.lowerBound)
  }

  init(_ tensor: GGUFFile.Tensor, in file: GGUFFile) throws(ConversionError) {
    let name = GGUFType.name(ofNumber: tensor.typeNumber)
    guard let type = tensor.type else {
      throw .adapter(path: file.file.path, reason: "\(tensor.name) has type \(name), which is not read")
    }
    self.name = tensor.name
    self.type = name
    shape = tensor.shape
    byteCount = tensor.range.count
    storage = .gguf(file, tensor, type)
  }

  private var path: String {
    switch storage {
    case .safetensors(let file, _, _): file.path
    case .gguf(let file, _, _): file.file.path
    }
  }

  var columns: Int { shape.last ?? 1 }
  /// Rows of all dimensions but the last.
  var rowCount: Int { shape.dropLast().reduce(1, *) }
  var count: Int { shape.reduce(1, *) }

  /// Reads rows as float32.
  func read(_ rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) throws(ConversionError) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= rowCount && values.count == rows.count * columns,
      "\(name) has no such rows")
    switch storage {
    case .safetensors(let file, let type, let start):
      let first = start + rows.lowerBound * columns * type.byteCount
      try unsafe file.readFloats(type, first..<first + values.count * type.byteCount, into: values)
    case .gguf(let file, let tensor, let type):
      try unsafe type.read(tensor.range(of: rows, type), of: file.file, into: values)
    }
  }

  /// Rows as float32.
  ///
  /// - Throws: `adapter` when one of the numbers is not finite.
  func values(ofRows rows: Range<Int>) throws(ConversionError) -> [Float] {
    var values = [Float](repeating: 0, count: rows.count * columns)
    var failure: ConversionError?
    let isFinite = unsafe values.withUnsafeMutableBufferPointer { values in
      do throws(ConversionError) { try unsafe read(rows, into: values) } catch { failure = error }
      return unsafe areFinite(UnsafeBufferPointer(values))
    }
    if let failure { throw failure }
    guard isFinite else { throw .adapter(path: path, reason: "\(name) holds an infinity or a not-a-number") }
    return values
  }
}
