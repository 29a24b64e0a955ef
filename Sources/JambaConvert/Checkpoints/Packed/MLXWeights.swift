/// Weights as MLX quantizes them: weight U32 [..., rows, words], codes from the lowest bit on, scales
/// [..., rows, groups], and for whole numbers biases. How many bits and how large a group stands in config.json, for all
/// modules and for each.
struct MLXWeights: PackedFamily {
  let name: String
  private let codes: StoredTensor
  private let scales, biases, commonScale: StoredTensor?
  private let mode: QuantizationSettings.Mode?

  init?(_ codes: StoredTensor, in search: PackedSearch) {
    guard codes.type == "U32", codes.name.hasSuffix(".weight") else { return nil }
    name = codes.name
    self.codes = codes
    let module = String(codes.name.dropLast(".weight".count))
    scales = search[module + ".scales"]
    biases = search[module + ".biases"]
    commonScale = search[module + ".global_scale"]
    mode = search.settings?.mode(of: module)
    if scales == nil, mode == nil { return nil }
  }

  var companions: [StoredTensor] { [scales, biases, commonScale].compactMap { $0 } }

  func layout() throws(PackedFault) -> any PackedLayout {
    guard let scales else { throw .clause("has no scales beside it") }
    try PackedFamilies.check(codes)
    guard let mode, let bits = mode.bits, let size = mode.groupSize else {
      throw .clause("is quantized in a way that config.json does not say")
    }
    let kinds: [String: (bits: [Int], table: [Float], scales: StoredFloat?)] = [
      "affine": ([2, 3, 4, 5, 6, 8], [], nil), "mxfp4": ([4], SmallFloat.e2m1, .e8m0),
      "nvfp4": ([4], SmallFloat.e2m1, .e4m3), "mxfp8": ([8], SmallFloat.e4m3, .e8m0),
    ]
    guard let kind = kinds[mode.name], kind.bits.contains(bits) else {
      throw .clause("is quantized in mode \(mode.name) with \(bits) bits, which is not read")
    }
    let words = codes.shape[codes.shape.count - 1]
    var shape = codes.shape
    shape[shape.count - 1] = 32 * words / bits
    let columns = shape[shape.count - 1]
    guard size > 0, 32 * words % bits == 0, columns % size == 0,
      scales.shape == Array(shape.dropLast()) + [columns / size],
      let grid = ScaleGrid(scales.shape, of: shape, block: (1, size))
    else { throw PackedFamilies.misfit(codes, scales) }
    guard var read = GroupedWeights.Scales(scales, bytes: kind.scales), (kind.scales == nil) == (scales.type != "U8")
    else {
      throw PackedFamilies.wrongType(scales)
    }
    if mode.name == "affine" {
      guard let biases else { throw .clause("has no biases beside it") }
      guard biases.shape == scales.shape else { throw PackedFamilies.misfit(codes, biases) }
      guard let added = GroupedWeights.Scales(biases) else { throw PackedFamilies.wrongType(biases) }
      return GroupedWeights(
        shape: shape, type: "MLX \(bits)-bit", codes: codes, bits: bits, table: ByteTables.unsigned(bits: bits),
        grid: grid,
        scales: read, biases: added)
    }
    if let commonScale {
      guard let type = commonScale.float else { throw PackedFamilies.wrongType(commonScale) }
      guard mode.name == "nvfp4", commonScale.count == 1 || commonScale.count == shape.dropLast(2).reduce(1, *) else {
        throw PackedFamilies.misfit(codes, commonScale)
      }
      // The largest number of the tensor: that of the largest scale and the largest code.
      read.common = .init(tensor: commonScale, type: type, divides: false, divisor: 448 * 6)
    }
    return GroupedWeights(
      shape: shape, type: mode.name.uppercased(), codes: codes, bits: bits, table: kind.table, grid: grid, scales: read)
  }
}
