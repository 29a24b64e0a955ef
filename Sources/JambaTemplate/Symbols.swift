/// Where a variable lives: a slot of a function's activation.
struct Slot: Sendable, Equatable {
  let function: Int
  let index: Int
}

/// The first value of a variable, when its scope is entered.
enum SlotLoad: Sendable {
  /// Set by whoever enters the scope.
  case parameter
  /// The render context's or a global value of that name.
  case context(String)
  /// The value of a surrounding scope's variable at that moment.
  case copy(of: Slot)
  /// Nothing.
  case missing
}

/// The names of one scope, by the reference's rules (Jinja's `idtracking`): a name that is assigned anywhere in a scope is
/// that scope's own, and begins as a copy of the outer one; all other names are looked up outside, at last in the context.
final class Symbols {
  let level: Int
  let function: Int
  let parent: Symbols?
  /// Names of a loop's inline filter live beside those of its body.
  let isLoopFilter: Bool
  private(set) var references: [String: Slot] = [:]
  private var loads: [(slot: Slot, load: SlotLoad)] = []
  private(set) var stores: Set<String> = []
  private let slots: SlotTable

  init(parent: Symbols?, function: Int, slots: SlotTable, isLoopFilter: Bool = false) {
    self.parent = parent
    level = (parent?.level ?? -1) + 1
    self.function = function
    self.slots = slots
    self.isLoopFilter = isLoopFilter
  }

  private init(copy other: Symbols) {
    parent = other.parent
    level = other.level
    function = other.function
    slots = other.slots
    isLoopFilter = other.isLoopFilter
    references = other.references
    loads = other.loads
    stores = other.stores
  }

  var plan: [(slot: Int, load: SlotLoad)] { loads.map { ($0.slot.index, $0.load) } }

  func find(_ name: String) -> Slot? {
    var symbols: Symbols? = self
    while let current = symbols {
      if let slot = current.references[name] { return slot }
      symbols = current.parent
    }
    return nil
  }

  @discardableResult
  private func define(_ name: String, _ load: SlotLoad) -> Slot {
    let slot = Slot(
      function: function, index: slots.index(function: function, name: name, level: level, isFilter: isLoopFilter))
    references[name] = slot
    setLoad(slot, load)
    return slot
  }

  private func setLoad(_ slot: Slot, _ load: SlotLoad) {
    if let index = loads.firstIndex(where: { $0.slot == slot }) {
      loads[index].load = load
    } else {
      loads.append((slot, load))
    }
  }

  @discardableResult
  func parameter(_ name: String) -> Slot {
    stores.insert(name)
    return define(name, .parameter)
  }

  func store(_ name: String) {
    stores.insert(name)
    guard references[name] == nil else { return }
    if let outer = parent?.find(name) {
      define(name, .copy(of: outer))
    } else {
      define(name, .missing)
    }
  }

  func load(_ name: String) {
    if find(name) == nil { define(name, .context(name)) }
  }

  /// Analyses alternatives, of which one will run: what only some of them assign keeps its outer value in the others.
  func branch(_ alternatives: [(Symbols) -> Void]) {
    var results: [Symbols] = []
    for analyze in alternatives {
      let branch = Symbols(copy: self)
      analyze(branch)
      results.append(branch)
    }
    var assigned: Set<String> = []
    for branch in results { assigned.formUnion(branch.stores) }
    assigned.subtract(stores)
    for branch in results {
      references.merge(branch.references) { $1 }
      for (slot, load) in branch.loads { setLoad(slot, load) }
      stores.formUnion(branch.stores)
    }
    for name in assigned.sorted() {
      guard let slot = find(name) else { continue }
      if let outer = parent?.find(name) {
        setLoad(slot, .copy(of: outer))
      } else {
        setLoad(slot, .context(name))
      }
    }
  }
}

/// Hands out slots: one for each name, level and function, as scopes side by side never run at once.
final class SlotTable {
  private struct Key: Hashable {
    let name: String
    let level: Int
    let isFilter: Bool
  }

  private var functions: [[Key: Int]] = []
  private(set) var parents: [Int?] = []

  func newFunction(inside parent: Int?) -> Int {
    functions.append([:])
    parents.append(parent)
    return functions.count - 1
  }

  func index(function: Int, name: String, level: Int, isFilter: Bool) -> Int {
    let key = Key(name: name, level: level, isFilter: isFilter)
    if let index = functions[function][key] { return index }
    let index = functions[function].count
    functions[function][key] = index
    return index
  }

  var counts: [Int] { functions.map(\.count) }

  /// How many functions lie between a use and what it refers to.
  func hops(from function: Int, to target: Int) -> Int {
    var hops = 0
    var current: Int? = function
    while let place = current, place != target {
      hops += 1
      current = parents[place]
    }
    return hops
  }
}
