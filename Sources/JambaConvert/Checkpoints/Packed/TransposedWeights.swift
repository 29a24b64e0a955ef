/// Weights as GPTQ and AWQ pack them, `[columns, rows]`: qweight, qzeros, scales [groups, rows], and of GPTQ g_idx, the
/// group of every column. Shapes tell which of both it is.
struct TransposedWeights: PackedFamily {
  let name: String
  private let codes: StoredTensor
  private let zeros, scales, groupIndices: StoredTensor?
  private let settings: QuantizationSettings?
  private let cache: StripCache

  init?(_ codes: StoredTensor, in search: PackedSearch) {
    guard codes.type == "I32", codes.name.hasSuffix(".qweight") else { return nil }
    let module = String(codes.name.dropLast("qweight".count))
    name = module + "weight"
    self.codes = codes
    zeros = search[module + "qzeros"]
    scales = search[module + "scales"]
    groupIndices = search[module + "g_idx"]
    settings = search.settings
    cache = search.strips
  }

  var companions: [StoredTensor] { [zeros, scales, groupIndices].compactMap { $0 } }

  func layout() throws(PackedFault) -> any PackedLayout {
    guard let scales else { throw .clause("has no scales beside it") }
    guard let zeros else { throw .clause("has no qzeros beside it") }
    guard let scaleType = scales.float else { throw PackedFamilies.wrongType(scales) }
    guard zeros.type == "I32" else { throw PackedFamilies.wrongType(zeros) }
    guard codes.shape.count == 2, scales.shape.count == 2, zeros.shape.count == 2, codes.count > 0, scales.count > 0,
      zeros.shape[0] == scales.shape[0]
    else { throw PackedFamilies.misfit(codes, scales) }
    let (rows, groups) = (scales.shape[1], scales.shape[0])

    let isAWQ = codes.shape[1] * 8 == rows && groupIndices == nil
    let bits: Int
    let columns: Int
    if isAWQ {
      guard zeros.shape[1] == codes.shape[1] else { throw PackedFamilies.misfit(codes, zeros) }
      (bits, columns) = (4, codes.shape[0])
    } else {
      guard codes.shape[1] == rows else { throw PackedFamilies.misfit(codes, scales) }
      let fitting = [2, 3, 4, 8].filter { BitCodes(bits: $0).wordCount(rows) == zeros.shape[1] }
      guard let found = fitting.count == 1 ? fitting.first : fitting.first(where: { $0 == settings?.bits }) else {
        throw PackedFamilies.misfit(codes, zeros)
      }
      bits = found
      columns = groupIndices?.count ?? 32 * codes.shape[0] / bits
      guard columns > 0, columns <= 32 * codes.shape[0], BitCodes(bits: bits).wordCount(columns) == codes.shape[0]
      else {
        throw PackedFamilies.misfit(codes, groupIndices ?? zeros)
      }
    }
    if let groupIndices, groupIndices.type != "I32" || groupIndices.shape != [columns] {
      throw PackedFamilies.misfit(codes, groupIndices)
    }
    // The last group may be smaller.
    let given = settings?.groupSize.flatMap { $0 > 0 && ($0 - 1 + columns) / $0 == groups ? $0 : nil }
    let size = given ?? (columns % groups == 0 ? columns / groups : 0)
    guard size > 0 || groupIndices != nil else { throw PackedFamilies.misfit(codes, scales) }
    return ColumnPackedWeights(
      shape: [rows, columns], type: "\(isAWQ ? "AWQ" : "GPTQ") \(bits)-bit", codes: codes, zeros: zeros, scales: scales,
      scaleType: scaleType, groupIndices: groupIndices, groupSize: max(size, 1),
      order: isAWQ
        ? .interleaved : .downwards(BitCodes(bits: bits), zeroOffset: settings?.hasPlainZeroPoints == true ? 0 : 1),
      cache: cache)
  }
}
