/// Expressions with fewer parts and the same texts.
///
/// A grammar is followed along all of its readings at once. Alternatives that begin alike, or end alike, multiply them, and with rules
/// that call themselves with every character again; so what alternatives have in common is written once.
extension GrammarRules.Expression {
  /// Factoring within what factoring has left over.
  private static let levels = 3

  /// A choice in which no alternative comes twice, and what they begin or end with in common stands before it or behind.
  ///
  /// - Parameter height: how deep parts nest in them. Those of many levels stay as they are: each level takes its time.
  static func alternatives(_ all: [Self], height: Int) -> Self {
    if all.count == 1 { return all[0] }
    return height < GrammarLimits.factoredHeight ? alternatives(all, levels) : .choice(all)
  }

  private static func alternatives(_ all: [Self], _ levels: Int) -> Self {
    guard all.count != 1 else { return all[0] }
    var (parts, known, mayBeEmpty): ([Self], Set<Self>, Bool) = ([], [], false)
    for part in all.flatMap(\.choices) {
      if part.isEmpty { mayBeEmpty = true } else if known.insert(part).inserted { parts.append(part) }
    }
    parts = uniting(uniting(parts, \.oneScalar, scalars), \.repetition, repetitions)
    if levels > 0 {
      parts = factored(parts, levels) { $0 }
      parts = factored(parts, levels) { $0.reversed() }
    }
    let body = parts.count == 1 ? parts[0] : .choice(parts)
    guard mayBeEmpty else { return body }
    return parts.isEmpty ? .empty : repetition(of: body, 0, 1)
  }

  /// A sequence, in which no other stands.
  static func joined(_ parts: some Sequence<Self>) -> Self {
    let items = parts.flatMap(\.items)
    return items.count == 1 ? items[0] : .sequence(items)
  }

  /// A repetition; one of a repetition is one as long as no count between the bounds is missing.
  static func repetition(of body: Self, _ least: Int, _ most: Int?) -> Self {
    if body.isEmpty || most == 0 { return .empty }
    if least == 1, most == 1 { return body }
    guard case .repeated(let inner, let low, let high) = body, low <= 1 else { return .repeated(body, least, most) }
    guard let high, let most else { return .repeated(inner, low * least, nil) }
    let (product, isTooLarge) = high.multipliedReportingOverflow(by: most)
    guard !isTooLarge, product <= GrammarLimits.repetitions else { return .repeated(body, least, most) }
    return .repeated(inner, low * least, product)
  }

  // MARK: Parts

  private var choices: [Self] {
    if case .choice(let parts) = self { parts } else { [self] }
  }

  private var items: [Self] {
    if case .sequence(let items) = self { items } else { isEmpty ? [] : [self] }
  }

  private var isEmpty: Bool {
    switch self {
    case .sequence(let items): items.isEmpty
    case .text(let text): text.isEmpty
    default: false
    }
  }

  private var oneScalar: (Bool, ScalarSet)? {
    switch self {
    case .scalars(let set): (true, set)
    case .text(let text) where text.unicodeScalars.count == 1: (true, ScalarSet(text.unicodeScalars.first!))
    default: nil
    }
  }

  private var repetition: (Self, (least: Int, most: Int?))? {
    if case .repeated(let body, let least, let most) = self { (body, (least, most)) } else { (self, (1, 1)) }
  }

  // MARK: Alike

  /// Unites parts of a kind that have a key in common, where the first of them stood.
  private static func uniting<Key: Hashable, Value>(
    _ parts: [Self], _ value: (Self) -> (Key, Value)?, _ unite: (Key, [Value]) -> [Self]
  ) -> [Self] {
    guard parts.count > 1 else { return parts }
    var groups: [Key: [Value]] = [:]
    let found = parts.map(value)
    for case (let key, let value)? in found { groups[key, default: []].append(value) }
    guard groups.contains(where: { $0.value.count > 1 }) else { return parts }
    var united: [Self] = []
    for (part, found) in zip(parts, found) {
      guard let key = found?.0, let values = groups[key], values.count != 1 else {
        united.append(part)
        continue
      }
      if !values.isEmpty { united += unite(key, values) }
      groups[key] = []
    }
    return united
  }

  private static func scalars(_: Bool, _ sets: [ScalarSet]) -> [Self] { [.scalars(ScalarSet(sets.flatMap(\.ranges)))] }

  private static func repetitions(_ body: Self, _ bounds: [(least: Int, most: Int?)]) -> [Self] {
    var united: [(least: Int, most: Int?)] = []
    for next in bounds.sorted(by: { $0.least < $1.least }) {
      guard let last = united.last else {
        united.append(next)
        continue
      }
      guard let most = last.most else { break }
      if next.least <= most + 1 {
        united[united.count - 1].most = next.most.map { max(most, $0) }
      } else {
        united.append(next)
      }
    }
    return united.map { repetition(of: body, $0.least, $0.most) }
  }

  /// Puts what alternatives begin with before a choice of their rests.
  ///
  /// - Parameter turn: which way their items are read; twice is as they were.
  private static func factored(_ parts: [Self], _ levels: Int, _ turn: ([Self]) -> [Self]) -> [Self] {
    guard parts.count > 1 else { return parts }
    var (numbers, groups): ([Self: Int], [[[Self]]]) = ([:], [])
    for part in parts {
      let items = turn(part.items)
      if let number = numbers[items[0]] {
        groups[number].append(items)
      } else {
        numbers[items[0]] = groups.count
        groups.append([items])
      }
    }
    guard groups.count < parts.count else { return parts }
    return groups.map { group in
      var common = group[0]
      for items in group.dropFirst() { common = Array(zip(common, items).prefix { $0 == $1 }.map(\.0)) }
      let rests = group.map { joined(turn(Array($0.dropFirst(common.count)))) }
      return joined(turn(common + turn(alternatives(rests, levels - 1).items)))
    }
  }
}
