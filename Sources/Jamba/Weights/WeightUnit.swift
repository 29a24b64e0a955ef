import JambaFormat
import JambaSystem

/// Weights that are loaded and dropped as one: an expert, or all of a layer that is no expert.
struct WeightUnit: Sendable {
  struct Part: Sendable {
    let segment: Int
    /// Where the segment begins in the unit's memory; on a page, so that it can be read past the page cache.
    let offset: Int
    let blocks: Range<Int>

    /// Reads that load it.
    var pieceCount: Int { (blocks.count + BlockReader.maximumBlockCount - 1) / BlockReader.maximumBlockCount }
  }

  let parts: [Part]
  /// Memory that the unit takes, whole pages.
  let byteCount: Int
  let pieceCount: Int
  /// The layer that uses it.
  let layer: Int

  init(segments: [Int], layer: Int, _ directory: Directory) {
    var parts: [Part] = []
    var position = 0
    for segment in segments {
      parts.append(Part(segment: segment, offset: position, blocks: directory.segments[segment].blocks))
      position += SystemMemory.wholePages(directory.segments[segment].byteCount)
    }
    self.parts = parts
    byteCount = position
    pieceCount = parts.reduce(0) { $0 + $1.pieceCount }
    self.layer = layer
  }

  /// The part and the blocks that read number `index` loads.
  func piece(_ index: Int) -> (part: Part, blocks: Range<Int>) {
    var index = index
    var number = 0
    while index >= parts[number].pieceCount {
      index -= parts[number].pieceCount
      number += 1
    }
    let first = parts[number].blocks.lowerBound + index * BlockReader.maximumBlockCount
    return (parts[number], first..<min(first + BlockReader.maximumBlockCount, parts[number].blocks.upperBound))
  }
}
