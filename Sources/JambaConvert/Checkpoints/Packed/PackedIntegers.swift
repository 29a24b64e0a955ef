/// Whole numbers of one to eight bits as compressed-tensors packs them ("pack-quantized"): W4A16, W8A16 and their kin.
///
/// weight_packed I32 [..., rows, words], codes from the lowest bit on, the least number as 0; weight_scale; weight_shape;
/// weight_zero_point, packed down the rows, or I8; weight_g_idx, the group of every column.
struct PackedIntegers: PackedFamily {
  let name: String
  private let codes: StoredTensor
  private let scale, shape, zeroPoint, groupIndices: StoredTensor?
  private let bits: Int?

  init?(_ codes: StoredTensor, in search: PackedSearch) {
    guard codes.type == "I32", codes.name.hasSuffix("_packed") else { return nil }
    name = String(codes.name.dropLast("_packed".count))
    self.codes = codes
    scale = search[name + "_scale"]
    shape = search[name + "_shape"]
    zeroPoint = search[name + "_zero_point"]
    groupIndices = search[name + "_g_idx"]
    bits = search.settings?.bits
  }

  var companions: [StoredTensor] { [scale, shape, zeroPoint, groupIndices].compactMap { $0 } }

  func layout() throws(PackedFault) -> any PackedLayout {
    guard let scale else { throw .clause("has no scale beside it") }
    guard let shapeTensor = self.shape else { throw .clause("has no weight_shape beside it") }
    try PackedFamilies.check(codes)
    let shape = try PackedFamilies.extents(shapeTensor, count: codes.shape.count)
    let words = codes.shape[codes.shape.count - 1]
    let columns = shape[shape.count - 1]
    let fitting = (1...8).filter { columns <= 32 * words && BitCodes(bits: $0).wordCount(columns) == words }
    // Few columns may take the same words in several ways.
    let bits = fitting.count == 1 ? fitting.first : fitting.first { $0 == self.bits }
    guard shape.dropLast() == codes.shape.dropLast(), let bits else { throw PackedFamilies.misfit(codes, shapeTensor) }
    guard let scales = GroupedWeights.Scales(scale) else { throw PackedFamilies.wrongType(scale) }
    guard let grid = ScaleGrid(scale.shape, of: shape) else { throw PackedFamilies.misfit(codes, scale) }
    let zeros = try zeroPoint.map { (tensor) throws(PackedFault) in
      let matrices = shape.dropLast(2).reduce(1, *)
      guard let zeros = ZeroPoints(tensor, bits: bits, grid: grid, matrices: matrices) else {
        throw PackedFamilies.misfit(codes, tensor)
      }
      return zeros
    }
    if let groupIndices, groupIndices.type != "I32" || groupIndices.shape != [columns] {
      throw PackedFamilies.misfit(codes, groupIndices)
    }
    return GroupedWeights(
      shape: shape, type: "INT\(bits)", codes: codes, bits: bits, table: ByteTables.offset(bits: bits), grid: grid,
      scales: scales, zeroPoints: zeros, groupIndices: groupIndices)
  }
}
