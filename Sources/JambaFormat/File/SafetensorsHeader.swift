import JambaSystem

/// The header of a .safetensors file: names, types, shapes and places of its tensors. Read from a file that is not to be
/// trusted, or put together for one that is to be written.
///
/// A file is the header's length (u64, little-endian), the header (JSON), and the tensors' bytes without gaps
/// (github.com/huggingface/safetensors, README.md).
package struct SafetensorsHeader: Sendable {
  package struct Tensor: Sendable, Equatable {
    package let name: String
    /// Such as "BF16".
    package let type: String
    /// Extents, outermost first.
    package let shape: [Int]
    /// Its bytes, from the end of the header on.
    package let range: Range<Int>
  }

  /// Why a text is no header: a clause.
  package struct Fault: Error, Equatable {
    package let reason: String
  }

  /// In the header's order. Names differ, byte for byte.
  package private(set) var tensors: [Tensor] = []
  /// Bytes of all tensors.
  package private(set) var contentByteCount = 0

  /// The longest header that is read, which is safetensors' own limit.
  package static let limit = 100_000_000
  /// Bytes of the length before it.
  package static let prefixByteCount = 8

  private static let widths = [
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4,
    "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
  ]

  package init() {}

  /// Adds a tensor behind the others.
  ///
  /// - Precondition: the name is new, and the type one whose width is known.
  package mutating func add(_ name: String, type: String, shape: [Int]) {
    guard let width = SafetensorsHeader.widths[type] else { preconditionFailure("\(type) has no width") }
    let end = contentByteCount + shape.reduce(width, *)
    tensors.append(Tensor(name: name, type: type, shape: shape, range: contentByteCount..<end))
    contentByteCount = end
  }

  /// The length and the header as they begin a file, padded so that the tensors begin on a multiple of 8.
  package var encoded: [UInt8] {
    var object: JSONObject = [:]
    for tensor in tensors {
      let isNew = object.insertNew(
        tensor.name,
        .object([
          "dtype": .string(tensor.type), "shape": .array(tensor.shape.map { .integer($0) }),
          "data_offsets": .array([.integer(tensor.range.lowerBound), .integer(tensor.range.upperBound)]),
        ]))
      precondition(isNew, "\(tensor.name) is there twice")
    }
    var text = Array(JSON.object(object).text().utf8)
    text += [UInt8](repeating: UInt8(ascii: " "), count: -text.count & 7)
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
  }

  /// The length of the header that a file begins with; nil when it is longer than `limit` or than the file.
  package static func byteCount(_ prefix: [UInt8], fileByteCount: Int) -> Int? {
    let length = prefix.prefix(prefixByteCount).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return length <= limit && Int(length) <= fileByteCount - prefixByteCount ? Int(length) : nil
  }

  /// Reads a header and checks all of it: afterwards the tensors fill the bytes behind it, without holes or overlaps.
  ///
  /// A type that is not known keeps its bytes, whose number cannot be checked then.
  package init(_ text: [UInt8], contentByteCount: Int) throws(Fault) {
    let json: JSON
    do { json = try JSON.parse(text) } catch { throw Fault(reason: "its header is \(error)") }
    guard let object = json.object else { throw Fault(reason: "its header is not an object") }
    for (name, value) in object.members where name != "__metadata__" {
      tensors.append(try SafetensorsHeader.tensor(name, value, contentByteCount: contentByteCount))
    }
    // The format allows neither holes nor overlaps.
    var position = 0
    for range in tensors.map(\.range).sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
      guard range.lowerBound == position else { throw Fault(reason: "its tensors overlap or leave holes") }
      position = range.upperBound
    }
    guard position == contentByteCount else {
      throw Fault(reason: "there are bytes behind its last tensor, or too few")
    }
    self.contentByteCount = contentByteCount
  }

  private static func tensor(_ name: String, _ value: JSON, contentByteCount: Int) throws(Fault) -> Tensor {
    guard let type = value["dtype"]?.string, let shape = integers(value["shape"]),
      let offsets = integers(value["data_offsets"]), offsets.count == 2
    else { throw Fault(reason: "the entry of \(name) makes no sense") }
    let width = widths[type]
    var size = width ?? 1
    for extent in shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflow else { throw Fault(reason: "the shape of \(name) makes no sense") }
      size = product
    }
    guard offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= contentByteCount,
      width == nil || offsets[1] - offsets[0] == size
    else { throw Fault(reason: "\(name) does not lie inside the file, or not with its size") }
    return Tensor(name: name, type: type, shape: shape, range: offsets[0]..<offsets[1])
  }

  private static func integers(_ value: JSON?) -> [Int]? {
    guard let values = value?.array else { return nil }
    let integers = values.compactMap(\.integer)
    return integers.count == values.count ? integers : nil
  }
}
