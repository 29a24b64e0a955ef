import JambaFormat
import Synchronization

/// The strips that were read last, of all tensors of a checkpoint: threads that convert the rows of one need it at the
/// same time.
final class StripCache: Sendable {
  struct Key: Equatable {
    let tensor: String
    /// The strip's first.
    let row: Int

    static func == (a: Key, b: Key) -> Bool { a.row == b.row && ExactString(a.tensor) == ExactString(b.tensor) }
  }

  private static let limit = 4
  private let strips = Mutex<[(key: Key, strip: ColumnPackedWeights.Strip)]>([])

  /// A strip, read if it is not there. Others wait meanwhile: they want the same.
  func strip(
    _ key: Key, _ read: () throws(ConversionError) -> ColumnPackedWeights.Strip
  ) throws(ConversionError) -> ColumnPackedWeights.Strip {
    try strips.withLock { (strips) throws(ConversionError) in
      if let index = strips.firstIndex(where: { $0.key == key }) {
        let found = strips.remove(at: index)
        strips.append(found)
        return found.strip
      }
      let strip = try read()
      if strips.count == StripCache.limit { strips.removeFirst() }
      strips.append((key, strip))
      return strip
    }
  }
}
