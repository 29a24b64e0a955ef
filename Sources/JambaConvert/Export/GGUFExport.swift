import JambaFormat
import JambaSystem

/// Writes a .jamba file's model as a GGUF file for llama.cpp: the values that the file holds, in another type.
///
/// Norms, biases, convolution, A, D and routers are float32, as in llama.cpp's own files. Memory does not grow with the model.
///
/// - Parameters:
///   - tool: name and version of the program.
///   - progress: called with bytes written and in all; false cancels.
/// - Returns: what should be known of the file: sentences without a full stop.
/// - Throws: `notExportable` for what GGUF cannot say; as reading and writing files.
public func exportGGUF(
  _ path: String, to output: String, as type: ExportType, tool: String, progress: (_ done: Int, _ total: Int) -> Bool
) throws(ConversionError) -> [String] {
  let file: JambaFile
  do { file = try JambaFile(path: path) } catch { throw .format(error) }
  let configuration = try validConfiguration(of: file)
  guard !configuration.mambaProjBias else {
    throw .notExportable(path: path, reason: "its in_proj and out_proj have biases, which llama.cpp's Jamba does not know")
  }
  let specifications = ModelTensors(configuration).all
  try checkTensors(file, specifications)

  let places = GGUFPlaces(specifications, configuration)
  var keys = try GGUFKeys(file, configuration, type, tool)
  for place in places.list {
    keys.header.add(place.name, place.isMatrix ? type.type(columns: place.shape.last!) : .f32, shape: place.shape)
  }
  try write(file, keys.header, places, to: output, progress)
  return keys.notes
}

/// The tensors of a GGUF file, and which of the model's each is made of.
private struct GGUFPlaces {
  struct Place {
    let name: String
    let shape: [Int]
    let isMatrix: Bool
    let content: TensorPlace.Content
    /// One after the other.
    var sources: [TensorSpecification]
  }

  private(set) var list: [Place] = []

  init(_ specifications: [TensorSpecification], _ configuration: ModelConfiguration) {
    var indices: [String: Int] = [:]
    for specification in specifications {
      let place = GGUFNames.place(of: specification, in: configuration)
      if let index = indices[place.name] {
        list[index].sources.append(specification)
        continue
      }
      indices[place.name] = list.count
      list.append(
        Place(
          name: place.name, shape: place.shape,
          isMatrix: specification.kind == .matrix && specification.id.role != .router, content: place.content,
          sources: [specification]))
    }
  }
}

private func write(
  _ file: JambaFile, _ header: GGUFHeader, _ places: GGUFPlaces, to output: String,
  _ progress: (_ done: Int, _ total: Int) -> Bool
) throws(ConversionError) {
  func failure(_ action: String, _ path: String, _ error: SystemError) -> ConversionError {
    .format(.system(action: action, path: path, error))
  }
  var target: AtomicFile
  do { target = try AtomicFile(output) } catch {
    throw failure("create", AtomicFile.temporaryPath(for: output), error)
  }
  let start = header.encoded
  let total = start.count + header.contentByteCount
  func append(_ bytes: [UInt8], at position: Int, _ file: borrowing FileDescriptor) throws(ConversionError) {
    do { try file.write(bytes, at: position) } catch { throw failure("write", output, error) }
  }
  try append(start, at: 0, target.file)
  for (place, tensor) in zip(places.list, header.tensors) {
    var position = start.count + tensor.range.lowerBound
    for source in place.sources {
      let stored = StoredRows(file.entry(named: source.name)!, of: file)
      for first in stride(from: 0, to: stored.rowCount, by: stored.batchCount) {
        guard progress(position, total) else { throw .cancelled }
        // A transposed tensor is small, and comes as a whole.
        let rows =
          place.content == .same ? first..<min(first + stored.batchCount, stored.rowCount) : 0..<stored.rowCount
        guard first == 0 || place.content == .same else { break }
        var values = try stored.values(rows)
        if place.content != .same { values = transposed(values, columns: stored.columns) }
        guard let bytes = GGUFEncoding.encode(values[...], tensor.type) else {
          throw .notExportable(
            path: file.path, reason: "\(source.name) has values beyond the range of float16; export it as bf16 or f32")
        }
        try append(bytes, at: position, target.file)
        position += bytes.count
      }
    }
  }
  do {
    try target.file.truncate(to: total)
    try target.commit()
  } catch { throw failure("write", output, error) }
  _ = progress(total, total)
}

/// `[rows, columns]` as `[columns, rows]`.
private func transposed(_ values: [Float], columns: Int) -> [Float] {
  let rows = values.count / columns
  return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
}
