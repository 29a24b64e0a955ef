/// Floats of four and six bits, two to a byte or four to three: NVFP4, MXFP4 and MXFP6 of compressed-tensors, and NVFP4 of
/// ModelOpt.
///
/// compressed-tensors: weight_packed U8, the first code in the low bits; weight_scale, F8_E4M3 for 16 numbers, or the
/// exponent alone for 32; weight_global_scale, by which scales are divided. ModelOpt: weight, weight_scale, and
/// weight_scale_2, by which they are multiplied.
struct PackedFloats: PackedFamily {
  let name: String
  private let codes: StoredTensor
  private let scale, commonScale: StoredTensor?
  private let divides: Bool

  init?(_ codes: StoredTensor, in search: PackedSearch) {
    guard codes.type == "U8" else { return nil }
    self.codes = codes
    if codes.name.hasSuffix("_packed") {
      name = String(codes.name.dropLast("_packed".count))
      commonScale = search[name + "_global_scale"]
      divides = true
    } else if let common = search[codes.name + "_scale_2"] {
      name = codes.name
      commonScale = common
      divides = false
    } else {
      return nil
    }
    scale = search[name + "_scale"]
  }

  var companions: [StoredTensor] { [scale, commonScale].compactMap { $0 } }

  func layout() throws(PackedFault) -> any PackedLayout {
    guard let scale else { throw .clause("has no scale beside it") }
    try PackedFamilies.check(codes)
    guard var scales = GroupedWeights.Scales(scale, bytes: .e8m0) else { throw PackedFamilies.wrongType(scale) }
    let bytes = codes.shape[codes.shape.count - 1]
    let groups = scale.shape.last ?? 1
    let isMicroscaled = scales.type == .e8m0
    let bits = isMicroscaled && 8 * bytes == 6 * 32 * groups ? 6 : 4
    var shape = codes.shape
    shape[shape.count - 1] = 8 * bytes / bits
    let size = isMicroscaled ? 32 : 16
    guard scale.shape == Array(shape.dropLast()) + [groups], groups * size == shape[shape.count - 1],
      let grid = ScaleGrid(scale.shape, of: shape, block: (1, size))
    else { throw PackedFamilies.misfit(codes, scale) }
    if let commonScale {
      guard let type = commonScale.float else { throw PackedFamilies.wrongType(commonScale) }
      guard commonScale.count == 1 || commonScale.count == shape.dropLast(2).reduce(1, *) else {
        throw PackedFamilies.misfit(codes, commonScale)
      }
      scales.common = .init(tensor: commonScale, type: type, divides: divides)
    }
    return GroupedWeights(
      shape: shape, type: isMicroscaled ? "MXFP\(bits)" : "NVFP4", codes: codes, bits: bits,
      table: bits == 6 ? SmallFloat.e2m3 : SmallFloat.e2m1, grid: grid, scales: scales)
  }
}
