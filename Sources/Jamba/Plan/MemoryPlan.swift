public import JambaFormat
import JambaGrammar
public import JambaSystem

/// Every byte that a model and a text need, worked out before anything is loaded.
public struct MemoryPlan: Sendable {
  /// A part of the plan.
  public struct Item: Sendable, Equatable {
    /// Its name, such as "keys and values".
    public let name: String
    /// Its size.
    public let byteCount: Int
  }

  public typealias Residency = WeightResidency

  /// The limit that the plan keeps within.
  public let limit: MemoryLimit
  /// Where the weights are.
  public let residency: Residency
  /// The parts; together they are the plan's bytes.
  public let items: [Item]
  /// Tokens of the text that the plan has room for, and those computed together.
  public let context: Int
  public let chunk: Int
  /// How weights that do not stay are read.
  public let access: FileAccess
  /// The smallest limit that works for the same context.
  public let leastByteCount: Int

  /// Six or so of a 3B model's states.
  private static let usualSnapshotByteCount = 64 << 20

  /// The sum of the parts.
  public var byteCount: Int { items.reduce(0) { $0 + $1.byteCount } }
  /// The most bytes that the prefix cache (snapshots of texts) may take.
  public let snapshotByteCount: Int
  /// The most bytes that may be remembered of grammars between answers. While an answer is held to one, what it takes for
  /// that counts as the session's.
  let grammarByteCount: Int
  /// Bytes left to sessions: the planned one, snapshots, and what no item takes.
  let sessionByteCount: Int

  /// Plans for the largest part of the model in memory that `limit` allows.
  ///
  /// - Throws: `memoryTooSmall`.
  init(
    _ needs: MemoryNeeds, limit: MemoryLimit, context: Int, chunk: Int, snapshots: Int?, access: FileAccess?,
    fileByteCount: Int
  ) throws(JambaError) {
    let least = needs.least(context: context)
    // Snapshots save time, no more: they take nothing that the model needs.
    let snapshotByteCount = min(
      snapshots ?? MemoryPlan.usualSnapshotByteCount, limit.byteCount / 16, max(0, limit.byteCount - least))
    let grammarByteCount = min(
      2 * TokenTexts.usualIdleByteCount, limit.byteCount / 32, max(0, limit.byteCount - least - snapshotByteCount))
    guard
      let residency = needs.residency(
        within: limit.byteCount - snapshotByteCount - grammarByteCount, context: context, mayMap: limit.source != .option)
    else {
      let largest = needs.largestContext(within: limit.byteCount)
      throw .memoryTooSmall(limit, least: least, context: context, largestContext: largest)
    }
    self.limit = limit
    self.residency = residency
    self.context = context
    self.chunk = chunk
    let model = needs.modelItems(residency)
    items =
      model + needs.sessionItems(context: context) + [
        .init(name: "snapshots", byteCount: snapshotByteCount), .init(name: "grammars", byteCount: grammarByteCount),
      ]
    self.snapshotByteCount = snapshotByteCount
    self.grammarByteCount = grammarByteCount
    leastByteCount = least
    sessionByteCount = limit.byteCount - grammarByteCount - model.reduce(0) { $0 + $1.byteCount }
    // The page cache serves a second time what it can keep; where it cannot, it only costs a copy, and under a control
    // group it makes the kernel look for pages to drop.
    let around = MemoryLimit.ofProcess.byteCount - items.reduce(0) { $0 + $1.byteCount }
    self.access = access ?? (fileByteCount <= around ? .cached : .direct)
  }
}
