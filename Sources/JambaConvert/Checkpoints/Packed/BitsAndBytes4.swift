import JambaFormat
import JambaSystem

/// Four bits as bitsandbytes has them (nf4, fp4): codes of the matrix as one row, in blocks that share a largest number.
///
/// weight, of any type, two codes to a byte, the first in the high bits; weight.quant_map, the 16 values; weight.absmax,
/// floats, or codes of floats (weight.nested_quant_map, weight.nested_absmax); weight.quant_state.bitsandbytes__nf4, JSON
/// in bytes.
struct BitsAndBytes4: PackedFamily {
  let name: String
  private let codes: StoredTensor
  private let absmax, map, nestedAbsmax, nestedMap, state: StoredTensor?

  init?(_ codes: StoredTensor, in search: PackedSearch) {
    name = codes.name
    self.codes = codes
    absmax = search[name + ".absmax"]
    map = search[name + ".quant_map"]
    nestedAbsmax = search[name + ".nested_absmax"]
    nestedMap = search[name + ".nested_quant_map"]
    state = search.first(name + ".quant_state.bitsandbytes__nf4", name + ".quant_state.bitsandbytes__fp4")
    if absmax == nil, state == nil { return nil }
  }

  var companions: [StoredTensor] { [absmax, map, nestedAbsmax, nestedMap, state].compactMap { $0 } }

  /// The JSON is short: more is none.
  private static let stateLimit = 1 << 16

  func layout() throws(PackedFault) -> any PackedLayout {
    guard let absmax else { throw .clause("has no absmax beside it") }
    guard let state, state.type == "U8", state.byteCount <= BitsAndBytes4.stateLimit else {
      throw .clause("has no quant_state beside it")
    }
    guard let map, map.type == "F32", map.shape == [16] else {
      throw .clause("has no quant_map of 16 numbers beside it")
    }
    do throws(ConversionError) {
      guard let json = try? JSON.parse(python: state.bytes(0..<state.byteCount)),
        let layout = BlockwiseFloats(
          codes: codes, absmax: absmax, table: try map.floats(.f32, 0..<16), state: json,
          nested: try nested(json, absmax))
      else { throw .unusable(path: "", reason: "") }
      return layout
    } catch {
      if case .unusable = error { throw .clause("has a quant_state that does not fit its codes and scales") }
      throw .conversion(error)
    }
  }

  private func nested(_ json: JSON, _ absmax: StoredTensor) throws(ConversionError) -> BlockwiseFloats.Nested? {
    guard absmax.type == "U8", let nestedAbsmax, let nestedMap, nestedAbsmax.type == "F32", nestedMap.type == "F32",
      nestedMap.shape == [256], let size = json["nested_blocksize"]?.integer, size > 0, size <= 1 << 20,
      nestedAbsmax.count == (absmax.count + size - 1) / size, let offset = json["nested_offset"]?.double
    else { return nil }
    return BlockwiseFloats.Nested(
      scales: nestedAbsmax, map: nestedMap, table: try nestedMap.floats(.f32, 0..<256), blockSize: size,
      offset: Float(offset))
  }
}

/// Codes of a matrix as one row, in blocks with a scale each, which may be a code itself.
struct BlockwiseFloats: PackedLayout {
  let shape: [Int]
  let type: String
  let parts: [StoredTensor]
  private let table: [Float]
  private let blockSize: Int
  private let nested: Nested?

  private static let blockSizes = [32, 64, 128, 256, 512, 1024, 2048, 4096]

  /// Scales as codes: table[code] x scale of its block + offset.
  struct Nested {
    let scales, map: StoredTensor
    let table: [Float]
    let blockSize: Int
    let offset: Float
  }

  init?(codes: StoredTensor, absmax: StoredTensor, table: [Float], state: JSON, nested: Nested?) {
    guard let kind = state["quant_type"]?.string, let size = state["blocksize"]?.integer,
      BlockwiseFloats.blockSizes.contains(size),
      let extents = state["shape"]?.array?.map(\.integer), extents.count == 2, let rows = extents[0],
      let columns = extents[1],
      rows > 0, columns > 0, codes.byteCount > 0
    else { return nil }
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    // Codes may be stored as numbers of several bytes, of which the last is filled up.
    guard !overflow, count / 2 + count % 2 <= codes.byteCount, codes.byteCount - count / 2 < 8,
      absmax.count == (count - 1) / size + 1, nested != nil || absmax.float != nil
    else { return nil }
    shape = [rows, columns]
    type = kind.uppercased()
    parts = [codes, absmax] + (nested.map { [$0.scales, $0.map] } ?? [])
    self.table = table
    blockSize = size
    self.nested = nested
  }

  func codes(ofRows rows: Range<Int>) -> Range<Int>? {
    rows.lowerBound * columns / 2..<(rows.upperBound * columns + 1) / 2
  }

  func read(
    _ rows: Range<Int>, ofMatrix matrix: Int, into values: inout MutableSpan<Float>
  ) throws(ConversionError) {
    let numbers = rows.lowerBound * columns..<rows.upperBound * columns
    let range = codes(ofRows: rows)!
    let bytes = try parts[0].bytes(range)
    let blocks = numbers.lowerBound / blockSize..<(numbers.upperBound - 1) / blockSize + 1
    let scales = try scales(of: blocks)
    for number in numbers {
      let byte = Int(bytes[number / 2 - range.lowerBound])
      let code = number % 2 == 0 ? byte >> 4 : byte & 15
      values[number - numbers.lowerBound] = table[code] * scales[number / blockSize - blocks.lowerBound]
    }
  }

  private func scales(of blocks: Range<Int>) throws(ConversionError) -> [Float] {
    guard let nested else { return try parts[1].floats(parts[1].float!, blocks) }
    let codes = try parts[1].bytes(blocks)
    let outer = blocks.lowerBound / nested.blockSize..<(blocks.upperBound - 1) / nested.blockSize + 1
    let factors = try nested.scales.floats(.f32, outer)
    return codes.indices.map { index in
      let block = (blocks.lowerBound + index) / nested.blockSize - outer.lowerBound
      return nested.table[Int(codes[index])] * factors[block] + nested.offset
    }
  }
}
