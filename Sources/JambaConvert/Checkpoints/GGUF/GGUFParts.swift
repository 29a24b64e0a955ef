import JambaSystem

/// The GGUF files that are one model: a single one, or `NAME-00001-of-00003.gguf` and the others beside it, of which the first has the
/// keys.
struct GGUFParts: Sendable {
  let files: [GGUFFile]
  /// All tensors and the number of the file that has each, in the files' order.
  let tensors: [(file: Int, tensor: GGUFFile.Tensor)]

  /// Each part is an open file.
  private static let partLimit = 512
  private static let digitCount = 5

  /// - Throws: `unusable` for a part that is not the first, or when another is missing.
  init(path: String) throws(ConversionError) {
    let first = try GGUFFile(path: path)
    var files = [first]
    let count = first["split.count"]?.integer ?? 1
    if count > 1 {
      guard first["split.no"]?.integer == 0 else {
        throw .unusable(path: path, reason: "it is not the first part of its model; give the one that ends in 00001")
      }
      guard count <= GGUFParts.partLimit else {
        throw .unusable(path: path, reason: "it is in \(count) parts; \(GGUFParts.partLimit) at most are read")
      }
      let end = GGUFParts.end(1, of: count)
      guard path.hasSuffix(end) else {
        throw .unusable(path: path, reason: "it is one of \(count) parts, whose name has to end in \(end)")
      }
      for number in 2...count {
        let other = String(path.dropLast(end.count)) + GGUFParts.end(number, of: count)
        guard FileSystem.exists(other) else {
          let name = other.split(separator: "/").last ?? ""
          throw .unusable(path: path, reason: "the part \(name) is missing")
        }
        let file = try GGUFFile(path: other)
        guard file["split.no"]?.integer == number - 1, file["split.count"]?.integer == count else {
          throw .damaged(path: other, reason: "it is not part \(number) of \(count), as its name says")
        }
        files.append(file)
      }
    }
    self.files = files
    tensors = files.enumerated().flatMap { index, file in file.tensors.map { (index, $0) } }
    if count > 1, let total = first["split.tensors.count"]?.integer, total != tensors.count {
      throw .damaged(path: path, reason: "its parts hold \(tensors.count) tensors instead of \(total)")
    }
  }

  private static func end(_ number: Int, of count: Int) -> String {
    func digits(_ number: Int) -> String {
      let text = "\(number)"
      return String(repeating: "0", count: max(0, digitCount - text.count)) + text
    }
    return "-\(digits(number))-of-\(digits(count)).gguf"
  }

  /// What the model's keys say.
  subscript(key: String) -> GGUFValue? { files[0][key] }
}
