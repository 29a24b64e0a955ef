import JambaFormat

/// Eight bits as bitsandbytes has them (LLM.int8()): weight I8, SCB, the largest number of every row, and weight_format,
/// which says that rows are rows.
struct BitsAndBytes8: PackedFamily {
  let name: String
  private let codes: StoredTensor
  private let largest: StoredTensor
  private let format: StoredTensor?

  init?(_ codes: StoredTensor, in search: PackedSearch) {
    guard codes.type == "I8", codes.name.hasSuffix(".weight") else { return nil }
    let module = String(codes.name.dropLast(".weight".count))
    guard let largest = search[module + ".SCB"] else { return nil }
    name = codes.name
    self.codes = codes
    self.largest = largest
    format = search[module + ".weight_format"]
  }

  var companions: [StoredTensor] { [largest] + (format.map { [$0] } ?? []) }

  func layout() throws(PackedFault) -> any PackedLayout {
    try PackedFamilies.check(codes)
    guard let scales = GroupedWeights.Scales(largest) else { throw PackedFamilies.wrongType(largest) }
    guard largest.count == codes.shape.dropLast().reduce(1, *), let grid = ScaleGrid(largest.shape, of: codes.shape)
    else {
      throw PackedFamilies.misfit(codes, largest)
    }
    if let format {
      let value: [Int]
      guard format.count == 1 else { throw PackedFamilies.misfit(codes, format) }
      do throws(ConversionError) { value = try format.integers() } catch { throw .conversion(error) }
      guard value == [0] else {
        throw .clause("has its rows in an order that only one processor reads (\(format.name))")
      }
    }
    // A 127th, rounded as bitsandbytes does.
    return GroupedWeights(
      shape: codes.shape, type: "LLM.int8", codes: codes, bits: 8, table: ByteTables.signed, grid: grid, scales: scales,
      factor: 7.874015718698502e-3)
  }
}
