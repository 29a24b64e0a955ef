/// A regular language over Unicode scalars: a number in a `LanguageTable`. Equal numbers are equal languages.
struct Language: Hashable, Comparable {
  let number: Int32

  static func < (a: Language, b: Language) -> Bool { a.number < b.number }
}

/// Regular languages as expressions, each kept once. They are closed under union, intersection and complement, and are
/// followed by derivatives (Brzozowski 1964): what may come behind a scalar is again such an expression.
final class LanguageTable {
  enum Kind: Hashable {
    case nothing
    /// The empty text.
    case blank
    case set(Int32)
    case sequence(Language, Language)
    case union([Language])
    case both([Language])
    case complement(Language)
    /// −1 for no end.
    case repeated(Language, Int32, Int32)
    case multiple(DigitRemainder)
  }

  /// What is known of an expression at once.
  struct Facts {
    /// Whether the empty text is one of its texts.
    var isNullable: Bool
    /// Whether there is neither an intersection nor a complement in it: it is empty only if it is `nothing`.
    var isPlain: Bool
    /// No text is shorter, none is longer; `Int.max` for no end.
    var least: Int
    var most: Int
  }

  private(set) var kinds: [Kind] = []
  private(set) var facts: [Facts] = []
  private(set) var sets: [ScalarSet] = []
  private var numbers: [Kind: Language] = [:]
  private var setNumbers: [ScalarSet: Int32] = [:]
  private var derivatives: [UInt64: Language] = [:]
  var emptiness: [Language: Bool] = [:]
  /// Expressions made, over the limit of which none is made any more.
  private(set) var isFull = false

  let nothing: Language
  let blank: Language
  let anything: Language
  let scalar: Language

  static let limit = 200_000
  /// Derivatives taken.
  private var work = 0
  private static let workLimit = 500_000

  init() {
    (nothing, blank) = (Language(number: 0), Language(number: 1))
    (scalar, anything) = (Language(number: 2), Language(number: 3))
    _ = add(.nothing, Facts(isNullable: false, isPlain: true, least: Int.max, most: 0))
    _ = add(.blank, Facts(isNullable: true, isPlain: true, least: 0, most: 0))
    _ = set(.all)
    _ = add(.repeated(scalar, 0, -1), Facts(isNullable: true, isPlain: true, least: 0, most: Int.max))
  }

  func kind(_ language: Language) -> Kind { kinds[Int(language.number)] }

  func facts(_ language: Language) -> Facts { facts[Int(language.number)] }

  private func add(_ kind: Kind, _ new: @autoclosure () -> Facts) -> Language {
    if let known = numbers[kind] { return known }
    // Beyond the limit every language is the empty one, and `check` says so before it is used.
    guard kinds.count < LanguageTable.limit else {
      isFull = true
      return nothing
    }
    let language = Language(number: Int32(kinds.count))
    numbers[kind] = language
    kinds.append(kind)
    facts.append(new())
    return language
  }

  /// Throws where a language was too large to be made.
  func check() throws(GrammarError) {
    if isFull { throw .tooLarge("its patterns and numbers are too many to be taken apart") }
  }

  // MARK: Making

  func set(_ set: ScalarSet) -> Language {
    guard !set.isEmpty else { return nothing }
    let number: Int32
    if let known = setNumbers[set] {
      number = known
    } else {
      number = Int32(sets.count)
      setNumbers[set] = number
      sets.append(set)
    }
    return add(.set(number), Facts(isNullable: false, isPlain: true, least: 1, most: 1))
  }

  func text(_ text: some StringProtocol) -> Language {
    text.unicodeScalars.reversed().reduce(blank) { sequence(set(ScalarSet($1)), $0) }
  }

  func sequence(_ parts: [Language]) -> Language { parts.reversed().reduce(blank) { sequence($1, $0) } }

  func sequence(_ first: Language, _ second: Language) -> Language {
    if first == nothing || second == nothing { return nothing }
    if first == blank { return second }
    if second == blank { return first }
    // To the right, so that a sequence has one form.
    var heads: [Language] = []
    var rest = first
    while case .sequence(let head, let tail) = kind(rest) {
      heads.append(head)
      rest = tail
    }
    heads.append(rest)
    var result = second
    for head in heads.reversed() { result = pair(head, result) }
    return result
  }

  private func pair(_ head: Language, _ tail: Language) -> Language {
    if head == anything {
      if tail == anything { return anything }
      if case .sequence(anything, _) = kind(tail) { return tail }
    }
    let (a, b) = (facts(head), facts(tail))
    return add(
      .sequence(head, tail),
      Facts(
        isNullable: a.isNullable && b.isNullable, isPlain: a.isPlain && b.isPlain,
        least: LanguageTable.sum(a.least, b.least), most: LanguageTable.sum(a.most, b.most)))
  }

  private static func sum(_ a: Int, _ b: Int) -> Int {
    let (sum, isTooLarge) = a.addingReportingOverflow(b)
    return isTooLarge ? Int.max : sum
  }

  func optional(_ body: Language) -> Language { union([blank, body]) }

  func repeated(_ body: Language, _ least: Int, _ most: Int?) -> Language {
    if most == 0 || body == blank { return blank }
    if body == nothing { return least == 0 ? blank : nothing }
    let inner = facts(body)
    let least = inner.isNullable ? 0 : least
    if least == 1, most == 1 { return body }
    if case .repeated(let innermost, 0, -1) = kind(body) { return repeated(innermost, 0, nil) }
    if case .repeated(_, 1, -1) = kind(body), most == nil, case .repeated(let innermost, _, _) = kind(body), least <= 1 {
      return repeated(innermost, least, nil)
    }
    let (shortest, _) = inner.least.multipliedReportingOverflow(by: least)
    var longest = Int.max
    if let most {
      let (product, isTooLarge) = inner.most.multipliedReportingOverflow(by: most)
      if !isTooLarge { longest = product }
    } else if inner.most == 0 {
      longest = 0
    }
    return add(
      .repeated(body, Int32(clamping: least), most.map { Int32(clamping: $0) } ?? -1),
      Facts(isNullable: least == 0, isPlain: inner.isPlain, least: shortest, most: longest))
  }

  func complement(_ body: Language) -> Language {
    if case .complement(let inner) = kind(body) { return inner }
    if body == nothing { return anything }
    if body == anything { return nothing }
    return add(
      .complement(body), Facts(isNullable: !facts(body).isNullable, isPlain: false, least: 0, most: Int.max))
  }

  func multiple(_ remainder: DigitRemainder) -> Language {
    add(.multiple(remainder), Facts(isNullable: remainder.isWhole, isPlain: false, least: 0, most: Int.max))
  }

  func union(_ parts: [Language]) -> Language { union(parts, depth: 0) }

  /// - Parameter depth: how many beginnings in common have been taken out; that stops at a limit.
  private func union(_ parts: [Language], depth: Int) -> Language {
    var list: [Language] = []
    for part in parts where part != nothing {
      if case .union(let inner) = kind(part) { list += inner } else { list.append(part) }
    }
    if list.count < 2 { return list.first ?? nothing }
    if list.count == 2, list[0] == list[1] { return list[0] }
    var flat = Set(list)
    if flat.contains(anything) { return anything }
    if flat.count > 1 { mergeSets(&flat) }
    if flat.count > 1, depth < 40 { factor(&flat, depth) }
    if flat.count > 1 { mergeRepetitions(&flat) }
    guard flat.count > 1 else { return flat.first ?? nothing }
    let members = flat.sorted()
    var all = Facts(isNullable: false, isPlain: true, least: Int.max, most: 0)
    for member in members {
      let one = facts(member)
      all.isNullable = all.isNullable || one.isNullable
      all.isPlain = all.isPlain && one.isPlain
      all.least = min(all.least, one.least)
      all.most = max(all.most, one.most)
    }
    return add(.union(members), all)
  }

  private func mergeSets(_ members: inout Set<Language>) {
    var found: [Language] = []
    var ranges: [ClosedRange<UInt32>] = []
    for member in members {
      guard case .set(let number) = kind(member) else { continue }
      found.append(member)
      ranges += sets[Int(number)].ranges
    }
    guard found.count > 1 else { return }
    members.subtract(found)
    members.insert(set(ScalarSet(ranges)))
  }

  /// Writes what begins alike once: xa | xb is x(a | b). It keeps derivatives few.
  private func factor(_ members: inout Set<Language>, _ depth: Int) {
    var tails: [Language: [Language]] = [:]
    for member in members {
      if case .sequence(let head, let tail) = kind(member) { tails[head, default: []].append(tail) }
    }
    for (head, list) in tails {
      let stands = members.contains(head) && head != blank
      guard list.count > 1 || stands else { continue }
      for tail in list { members.remove(pair(head, tail)) }
      if stands { members.remove(head) }
      members.insert(sequence(head, union(list + (stands ? [blank] : []), depth: depth + 1)))
    }
  }

  /// Of repetitions of one body whose counts touch makes one.
  private func mergeRepetitions(_ members: inout Set<Language>) {
    struct Key: Hashable {
      let body: Language
      let tail: Language
    }
    var spans: [Key: [(least: Int, most: Int, member: Language)]] = [:]
    for member in members {
      var (head, tail) = (member, blank)
      if case .sequence(let first, let rest) = kind(member) { (head, tail) = (first, rest) }
      guard case .repeated(let body, let least, let most) = kind(head) else { continue }
      spans[Key(body: body, tail: tail), default: []].append((Int(least), most < 0 ? Int.max : Int(most), member))
    }
    for (key, list) in spans where list.count > 1 {
      let sorted = list.sorted { $0.least < $1.least }
      var merged: [(least: Int, most: Int)] = []
      for span in sorted {
        if let last = merged.last, last.most == Int.max || span.least <= last.most + 1 {
          merged[merged.count - 1].most = max(last.most, span.most)
        } else {
          merged.append((span.least, span.most))
        }
      }
      guard merged.count < list.count else { continue }
      for span in list { members.remove(span.member) }
      for span in merged {
        members.insert(sequence(repeated(key.body, span.least, span.most == Int.max ? nil : span.most), key.tail))
      }
    }
    if members.contains(blank), members.contains(where: { $0 != blank && facts($0).isNullable }) { members.remove(blank) }
  }

  func both(_ parts: [Language]) -> Language {
    var flat: [Language] = []
    for part in parts where part != anything {
      if part == nothing { return nothing }
      if case .both(let inner) = kind(part) { flat += inner } else { flat.append(part) }
    }
    if flat.count < 2 { return flat.first ?? anything }
    if flat.contains(blank) { return flat.allSatisfy { facts($0).isNullable } ? blank : nothing }
    mergeLengths(&flat)
    flat.sort()
    var members: [Language] = []
    for member in flat where members.last != member { members.append(member) }
    if members.count < 2 { return members.first ?? anything }
    var all = Facts(isNullable: true, isPlain: false, least: 0, most: Int.max)
    for member in members {
      if member == nothing { return nothing }
      if case .complement(let body) = kind(member), members.contains(body) { return nothing }
      let one = facts(member)
      all.isNullable = all.isNullable && one.isNullable
      all.least = max(all.least, one.least)
      all.most = min(all.most, one.most)
    }
    if all.least > all.most { return nothing }
    return add(.both(members), all)
  }

  /// Makes one of sets, and one of repetitions of sets, as any length is; drops a length that the others keep anyway.
  private func mergeLengths(_ members: inout [Language]) {
    var one: ScalarSet?
    var many: ScalarSet?
    var (least, most, found) = (0, Int.max, 0)
    var others: [Language] = []
    for member in members {
      switch kind(member) {
      case .set(let number):
        one = one.map { $0.intersection(sets[Int(number)]) } ?? sets[Int(number)]
        found += 1
      case .repeated(let body, let low, let high):
        guard case .set(let number) = kind(body) else {
          others.append(member)
          continue
        }
        many = body == scalar ? many ?? .all : many.map { $0.intersection(sets[Int(number)]) } ?? sets[Int(number)]
        least = max(least, Int(low))
        most = min(most, high < 0 ? Int.max : Int(high))
        found += 1
      default: others.append(member)
      }
    }
    guard found > 0, found > 1 || many == .all else { return }
    members = others
    if least > most {
      members = [nothing]
      return
    }
    if let one { members.append(set(many.map { one.intersection($0) } ?? one)) }
    if one != nil, least > 1 || most < 1 { members.append(nothing) }
    guard one == nil, let many else { return }
    let isKept = many == .all && others.contains { facts($0).least >= least } && others.contains { facts($0).most <= most }
    if isKept || many == .all && least == 0 && most == Int.max { return }
    members.append(repeated(set(many), least, most == Int.max ? nil : most))
  }

  // MARK: Following

  /// What may come behind a scalar.
  func derivative(_ language: Language, by value: UInt32) -> Language {
    let key = UInt64(UInt32(bitPattern: language.number)) << 32 | UInt64(value)
    if let known = derivatives[key] { return known }
    work += 1
    if work > LanguageTable.workLimit { isFull = true }
    if isFull { return nothing }
    let result: Language
    switch kind(language) {
    case .nothing, .blank: return nothing
    case .set(let number): return sets[Int(number)].contains(value) ? blank : nothing
    case .sequence:
      // Along the sequence as far as its parts may be empty.
      var parts: [Language] = []
      var rest = language
      while case .sequence(let head, let tail) = kind(rest) {
        parts.append(sequence(derivative(head, by: value), tail))
        rest = tail
        guard facts(head).isNullable else { break }
        if case .sequence = kind(rest) { continue }
        parts.append(derivative(rest, by: value))
      }
      result = union(parts)
    case .union(let members): result = union(members.map { derivative($0, by: value) })
    case .both(let members): result = both(members.map { derivative($0, by: value) })
    case .complement(let body): result = complement(derivative(body, by: value))
    case .repeated(let body, let least, let most):
      let rest = repeated(body, max(0, Int(least) - 1), most < 0 ? nil : Int(most) - 1)
      result = sequence(derivative(body, by: value), rest)
    case .multiple(let remainder): return remainder.behind(value).map { multiple($0) } ?? nothing
    }
    if derivatives.count > LanguageTable.limit { derivatives.removeAll() }
    derivatives[key] = result
    return result
  }

  func matches(_ text: some StringProtocol, _ language: Language) -> Bool {
    var here = language
    for scalar in text.unicodeScalars {
      here = derivative(here, by: scalar.value)
      if here == nothing { return false }
    }
    return facts(here).isNullable
  }
}
