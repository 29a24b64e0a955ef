/// Which scale a number has: a matrix is laid with blocks of equal size, cut off at its edges.
///
/// A scale for all of a tensor, for a row, for a group of a row's columns and for a block are cases of it.
struct ScaleGrid: Sendable {
  /// Of a block.
  let blockRows: Int
  let blockColumns: Int
  /// Scales of a matrix.
  let rows: Int
  let columns: Int
  /// Whether matrices have scales of their own.
  let isOfMatrix: Bool

  /// Where the scales of a row begin.
  func line(ofRow row: Int, matrix: Int) -> Int {
    ((isOfMatrix ? matrix * rows : 0) + row / blockRows) * columns
  }

  /// - Parameters:
  ///   - scales: the shape of the scales.
  ///   - shape: that of the numbers, `[..., rows, columns]`.
  ///   - block: the size of a block as config.json has it.
  /// - Returns: nil for scales that fit nothing of it.
  init?(_ scales: [Int], of shape: [Int], block: (rows: Int, columns: Int)? = nil) {
    let (height, width) = (shape[shape.count - 2], shape[shape.count - 1])
    let outer = Array(shape.dropLast(2))
    let matrices = outer.reduce(1, *)
    let count = scales.reduce(1, *)
    func parts(_ extent: Int, _ size: Int) -> Int { (extent - 1) / size + 1 }

    if count == 1 {
      self.init(blockRows: height, blockColumns: width, rows: 1, columns: 1, isOfMatrix: matrices == 1)
      return
    }
    guard scales.starts(with: outer) else { return nil }
    var grid = Array(scales.dropFirst(outer.count))
    if count == matrices {
      grid = [1, 1]
    } else if grid.count == 1 {
      grid.append(1)
    }
    guard grid.count == 2, grid[0] > 0, grid[1] > 0 else { return nil }
    let sizes = [block, (128, 128)].compactMap { $0 }
    var size = sizes.first { parts(height, $0.rows) == grid[0] && parts(width, $0.columns) == grid[1] }
    if size == nil, height % grid[0] == 0, width % grid[1] == 0 { size = (height / grid[0], width / grid[1]) }
    guard let size else { return nil }
    self.init(
      blockRows: size.rows, blockColumns: size.columns, rows: grid[0], columns: grid[1], isOfMatrix: true)
  }

  private init(blockRows: Int, blockColumns: Int, rows: Int, columns: Int, isOfMatrix: Bool) {
    self.blockRows = blockRows
    self.blockColumns = blockColumns
    self.rows = rows
    self.columns = columns
    self.isOfMatrix = isOfMatrix
  }
}
