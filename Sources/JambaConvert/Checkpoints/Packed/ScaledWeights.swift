/// Weights of a byte each with their scales: FP8 as compressed-tensors, transformers ("fp8", "fbgemm_fp8") and ModelOpt
/// write it, and INT8 of compressed-tensors. A scale is for all, for a row, for a group of its columns or for a block.
///
/// weight F8_E4M3, F8_E5M2 or I8; weight_scale or weight_scale_inv, by which the weights are multiplied in both cases;
/// weight_zero_point.
struct ScaledWeights: PackedFamily {
  let name: String
  private let codes: StoredTensor
  private let scale: StoredTensor?
  private let zeroPoint: StoredTensor?
  private let block: (rows: Int, columns: Int)?

  init?(_ codes: StoredTensor, in search: PackedSearch) {
    name = codes.name
    self.codes = codes
    scale = search.first(codes.name + "_scale", codes.name + "_scale_inv")
    zeroPoint = search[codes.name + "_zero_point"]
    block = search.settings?.block
    switch codes.type {
    // Without a scale they are numbers as they are, where nobody says that they are quantized.
    case "F8_E4M3", "F8_E5M2": if scale == nil, search.settings == nil { return nil }
    case "I8": if scale == nil { return nil }
    default: return nil
    }
  }

  var companions: [StoredTensor] { [scale, zeroPoint].compactMap { $0 } }

  func layout() throws(PackedFault) -> any PackedLayout {
    guard let scale else { throw .clause("has no scale beside it") }
    try PackedFamilies.check(codes)
    guard let scales = GroupedWeights.Scales(scale, bytes: .e8m0) else { throw PackedFamilies.wrongType(scale) }
    guard let grid = ScaleGrid(scale.shape, of: codes.shape, block: block) else {
      throw PackedFamilies.misfit(codes, scale)
    }
    let matrices = codes.shape.dropLast(2).reduce(1, *)
    let zeros = try zeroPoint.map { (tensor) throws(PackedFault) in
      guard let zeros = ZeroPoints(tensor, bits: 8, grid: grid, matrices: matrices) else {
        throw PackedFamilies.misfit(codes, tensor)
      }
      return zeros
    }
    let table =
      switch codes.type {
      case "I8": ByteTables.signed
      case "F8_E5M2": SmallFloat.e5m2
      default: SmallFloat.e4m3
      }
    let isMicroscaled = scales.type == .e8m0 && grid.blockRows == 1 && grid.blockColumns == 32
    return GroupedWeights(
      shape: codes.shape, type: codes.type == "I8" ? "INT8" : isMicroscaled ? "MXFP8" : codes.type, codes: codes,
      bits: 8,
      table: table, grid: grid, scales: scales, zeroPoints: zeros)
  }
}
