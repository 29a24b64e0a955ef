
/// A parsed template with every name resolved to a slot.
struct Program: Sendable {
  /// A variable as seen from a place in the source: `hops` functions further out, at `slot`.
  struct Reference: Sendable {
    let hops: Int
    let slot: Int
  }

  /// The slots of the running function that entering a scope sets.
  struct Scope: Sendable {
    var loads: [(slot: Int, load: ScopeLoad)] = []
  }

  enum ScopeLoad: Sendable {
    case parameter
    case context(String)
    case copy(Reference)
    case missing
  }

  /// Parts of a block beside its statements; which fields are set depends on its kind.
  struct Block: Sendable {
    var scope = Scope()
    /// Of a loop's `else`.
    var otherwise = Scope()
    /// Of a loop's inline filter.
    var filter = Scope()
    /// A loop that mentions `loop` keeps its state there.
    var loopSlot: Int?
    /// Macros run as functions of their own.
    var function = 0
    var parameterSlots: [Int] = []
    var callerSlot: Int?
    var keywordsSlot: Int?
    var extrasSlot: Int?
    var hasExplicitCaller = false
  }

  var body: [Statement]
  /// By the ids of names.
  var references: [Reference]
  /// By the ids of blocks.
  var blocks: [Block]
  var root = Scope()
  var namedBlocks: [String: Statement.NamedBlock] = [:]
  /// Targets, by their ids, whose values named blocks see: those of the template's own level, where it has such blocks.
  var exported: Set<Int> = []
  /// By function; the template itself is the first.
  var slotCounts: [Int] = []
}
