import JambaSystem

/// Where the numbers of one tensor of the model come from: rows of a tensor of the checkpoint.
struct SourceTensor: Sendable {
  let checkpoint: any Checkpoint
  private let tensor: CheckpointTensor
  /// Of the tensor of the model, for an error.
  let name: String
  /// Those of the checkpoint's tensor.
  private let place: Range<Int>
  let content: TensorPlace.Content

  init(_ checkpoint: any Checkpoint, _ tensor: CheckpointTensor, _ place: TensorPlace, name: String) {
    self.checkpoint = checkpoint
    self.tensor = tensor
    self.name = name
    self.place = place.rows
    content = place.content
  }

  var rows: Int { place.count }
  var columns: Int { tensor.columns }

  /// Bytes that some rows take in the checkpoint, on average.
  func byteCount(ofRows count: Int) -> Int { tensor.byteCount / max(tensor.rowCount, 1) * count }
  var byteCount: Int { byteCount(ofRows: rows) }

  /// Reads rows as float32, `[rows, columns]`. For several threads at the same time.
  ///
  /// - Throws: `notFinite`; as `Checkpoint.read`.
  func read(_ rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) throws(ConversionError) {
    try unsafe checkpoint.read(placed(rows), of: tensor, into: values)
    guard unsafe areFinite(UnsafeBufferPointer(values)) else { throw .notFinite(tensor: name) }
  }

  func prepare(_ rows: Range<Int>) { checkpoint.prepare(placed(rows), of: tensor) }
  func release(_ rows: Range<Int>) { checkpoint.release(placed(rows), of: tensor) }

  /// Rows as float32, `[rows, columns]`.
  func values(ofRows rows: Range<Int>) throws(ConversionError) -> [Float] {
    var values = [Float](repeating: 0, count: rows.count * columns)
    var failure: ConversionError?
    unsafe values.withUnsafeMutableBufferPointer { values in
      do throws(ConversionError) { try unsafe read(rows, into: values) } catch { failure = error }
    }
    if let failure { throw failure }
    return values
  }

  /// All values as a .jamba file has them.
  func allValues() throws(ConversionError) -> [Float] {
    let stored = try values(ofRows: 0..<rows)
    if content == .same { return stored }
    var values = stored
    for row in 0..<rows {
      for column in 0..<columns {
        let value = stored[row * columns + column]
        values[column * rows + row] = content == .transposed ? value : Float(-exponential(Double(value)))
      }
    }
    return values
  }

  private func placed(_ rows: Range<Int>) -> Range<Int> {
    place.lowerBound + rows.lowerBound..<place.lowerBound + rows.upperBound
  }
}
