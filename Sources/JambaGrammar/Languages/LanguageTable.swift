/// A regular language over Unicode scalars: a number in a `LanguageTable`. Equal numbers are equal languages.
struct Language: Hashable, Comparable {
  let number: Int32

  static func < (a: Language, b: Language) -> Bool { a.number < b.number }
}

/// Regular languages as expressions, each kept once. They are closed under union, intersection and complement, and are
/// followed by derivatives (Brzozowski 1964): what may come behind a scalar is again such an expression.
final class LanguageTable {
  enum Kind: Equatable {
    case nothing
    /// The empty text.
    case blank
    case set(Int32)
    case sequence(Language, Language)
    case union(Members)
    case both(Members)
    case complement(Language)
    /// −1 for no end.
    case repeated(Language, Int32, Int32)
    /// A number in `remainders`.
    case multiple(Int32)
    /// A language that may name itself, behind at least one scalar.
    case variable(Int32)
  }

  /// Languages that are one or all met: a list of a table.
  struct Members: Equatable {
    fileprivate let list: Int32
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

  // Nothing here is used while it is changed: a table is of one thread, and its functions take no inout of their own.
  @exclusivity(unchecked) private(set) var kinds: [Kind] = []
  @exclusivity(unchecked) private(set) var facts: [Facts] = []
  @exclusivity(unchecked) private(set) var sets: [ScalarSet] = []
  @exclusivity(unchecked) private var numbers = HashedNumbers()
  @exclusivity(unchecked) private var lists = ListTable<Int32>()
  @exclusivity(unchecked) private var setNumbers: [ScalarSet: Int32] = [:]
  @exclusivity(unchecked) private var remainders: [DigitRemainder] = []
  @exclusivity(unchecked) private var remainderNumbers: [DigitRemainder: Int32] = [:]
  @exclusivity(unchecked) private var derivatives = Derivatives()
  @exclusivity(unchecked) var emptiness: [Language: Bool] = [:]
  /// By language; nil while unknown.
  @exclusivity(unchecked) private var beginnings: [[Int32]?] = []
  /// By language: the last walk that came by.
  @exclusivity(unchecked) private var marks: [Int32] = []
  @exclusivity(unchecked) private var walkCount: Int32 = 0
  /// What variables stand for.
  @exclusivity(unchecked) private(set) var definitions: [Language] = []
  /// Expressions made, over the limit of which none is made any more.
  @exclusivity(unchecked) private(set) var isFull = false

  let nothing: Language
  let blank: Language
  let anything: Language
  let scalar: Language

  static let limit = 200_000
  /// Derivatives taken, and what takes as long.
  @exclusivity(unchecked) private var work = 0
  private static let workLimit = 300_000

  /// Counts work; beyond the limit the table is full.
  func count(_ work: Int) {
    self.work += work
    if self.work > LanguageTable.workLimit { isFull = true }
  }

  /// Derivatives that are known.
  private struct Derivatives {
    private var numbers = HashedNumbers()
    private var known: [(language: Language, value: UInt32, result: Language)] = []

    func find(_ language: Language, _ value: UInt32, _ hash: UInt32) -> Language? {
      numbers.find(hash) { known[$0].language == language && known[$0].value == value }.map { known[$0].result }
    }

    mutating func remember(_ result: Language, of language: Language, by value: UInt32, _ hash: UInt32) {
      if known.count > LanguageTable.limit { self = Derivatives() }
      numbers.append(hash)
      known.append((language, value, result))
    }

    static func hash(_ language: Language, _ value: UInt32) -> UInt32 {
      var hash = HashedNumbers.Hash()
      hash.add(UInt64(UInt32(bitPattern: language.number)) << 32 | UInt64(value))
      return hash.value
    }
  }

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

  func add(_ kind: Kind, _ new: @autoclosure () -> Facts) -> Language {
    let hash = LanguageTable.hash(of: kind)
    if let known = numbers.find(hash, { kinds[$0] == kind }) { return Language(number: Int32(known)) }
    // Beyond the limit every language is the empty one, and `check` says so before it is used.
    guard kinds.count < LanguageTable.limit else {
      isFull = true
      return nothing
    }
    let language = Language(number: Int32(kinds.count))
    numbers.append(hash)
    kinds.append(kind)
    facts.append(new())
    beginnings.append(nil)
    return language
  }

  private static func hash(of kind: Kind) -> UInt32 {
    var hash = HashedNumbers.Hash()
    func add(_ tag: UInt64, _ one: Int32 = 0, _ two: Int32 = 0) {
      hash.add(tag << 32 | UInt64(UInt32(bitPattern: one)))
      hash.add(UInt64(UInt32(bitPattern: two)))
    }
    switch kind {
    case .nothing: add(0)
    case .blank: add(1)
    case .set(let number): add(2, number)
    case .sequence(let head, let tail): add(3, head.number, tail.number)
    case .union(let members): add(4, members.list)
    case .both(let members): add(5, members.list)
    case .complement(let body): add(6, body.number)
    case .repeated(let body, let least, let most):
      add(7, body.number, least)
      hash.add(UInt64(UInt32(bitPattern: most)))
    case .multiple(let number): add(8, number)
    case .variable(let number): add(9, number)
    }
    return hash.value
  }

  /// - Parameter list: sorted, each once.
  func members(_ list: [Language]) -> Members { Members(list: lists.number(list.map(\.number))) }

  func count(of members: Members) -> Int { lists.entries(of: members.list).count }

  func list(_ members: Members) -> [Language] { lists.members(of: members.list).map { Language(number: $0) } }

  /// Where members are: each is to be asked for by itself, as the table may grow meanwhile.
  func places(of members: Members) -> Range<Int> { lists.entries(of: members.list) }

  func member(at place: Int) -> Language { Language(number: lists[place]) }

  /// Throws where a language was too large to be made.
  func check() throws(GrammarError) {
    if isFull { throw .tooLarge("its patterns and numbers are too many to be taken apart") }
  }

  // MARK: Making

  func set(_ set: ScalarSet) -> Language {
    guard !set.isEmpty else { return nothing }
    return add(.set(setNumber(set)), Facts(isNullable: false, isPlain: true, least: 1, most: 1))
  }

  private func setNumber(_ set: ScalarSet) -> Int32 {
    if let known = setNumbers[set] { return known }
    setNumbers[set] = Int32(sets.count)
    sets.append(set)
    return Int32(sets.count - 1)
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

  func pair(_ head: Language, _ tail: Language) -> Language {
    if head == anything {
      if tail == anything { return anything }
      if case .sequence(anything, _) = kind(tail) { return tail }
    }
    // What repeats without end takes up what repeats the same behind it.
    if case .repeated(let body, _, -1) = kind(head) {
      if case .repeated(body, 0, -1) = kind(tail) { return head }
      if case .sequence(let next, let rest) = kind(tail), case .repeated(body, 0, -1) = kind(next) {
        return pair(head, rest)
      }
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
    if case .repeated(_, 1, -1) = kind(body), most == nil, case .repeated(let innermost, _, _) = kind(body), least <= 1
    {
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
    let number = remainderNumbers[remainder] ?? Int32(remainders.count)
    if number == remainders.count {
      remainderNumbers[remainder] = number
      remainders.append(remainder)
    }
    return add(.multiple(number), Facts(isNullable: remainder.isWhole, isPlain: false, least: 0, most: Int.max))
  }

  /// A language to be defined.
  func variable(isNullable: Bool) -> Language {
    definitions.append(nothing)
    return add(
      .variable(Int32(definitions.count - 1)), Facts(isNullable: isNullable, isPlain: false, least: 0, most: Int.max))
  }

  func define(_ variable: Language, _ body: Language) {
    if case .variable(let number) = kind(variable) { definitions[Int(number)] = body }
  }

  // MARK: Following

  /// The sets that a text's first scalar is looked for in: scalars that none of them tells apart have one derivative.
  func beginnings(of language: Language) -> [Int32] {
    if let known = beginnings[Int(language.number)] { return known }
    let result: [Int32]
    switch kind(language) {
    case .nothing, .blank: return []
    case .set(let number): return [number]
    case .repeated(let body, _, _), .complement(let body): return beginnings(of: body)
    case .sequence:
      var all: [Int32] = []
      var rest = language
      while case .sequence(let head, let tail) = kind(rest) {
        all += beginnings(of: head)
        rest = tail
        guard facts(head).isNullable else { break }
        if case .sequence = kind(rest) { continue }
        all += beginnings(of: rest)
      }
      result = LanguageTable.sortedOnce(all)
    case .union(let members), .both(let members):
      result = LanguageTable.sortedOnce(places(of: members).flatMap { beginnings(of: member(at: $0)) })
    case .variable(let number): return beginnings(of: definitions[Int(number)])
    case .multiple: result = DigitRemainder.scalarSets.map { setNumber($0) }
    }
    beginnings[Int(language.number)] = result
    return result
  }

  private static func sortedOnce(_ numbers: [Int32]) -> [Int32] {
    var result: [Int32] = []
    for number in numbers.sorted() where result.last != number { result.append(number) }
    return result
  }

  /// All sets that an expression is made of.
  func setsUsed(in language: Language) -> Set<ScalarSet> {
    var used: Set<ScalarSet> = []
    walk(language) { part in
      switch kind(part) {
      case .set(let number): used.insert(sets[Int(number)])
      case .multiple: used.formUnion(DigitRemainder.scalarSets)
      default: break
      }
    }
    return used
  }

  /// The largest bound of a repetition in an expression.
  func longestCount(in language: Language) -> Int {
    var longest = 0
    walk(language) { part in
      if case .repeated(_, let least, let most) = kind(part) { longest = max(longest, Int(least), Int(most)) }
    }
    return longest
  }

  /// Comes by every part of an expression once.
  private func walk(_ language: Language, _ body: (Language) -> Void) {
    walkCount += 1
    marks += repeatElement(0, count: kinds.count - marks.count)
    var waiting: [Language] = []
    func see(_ part: Language) {
      guard marks[Int(part.number)] != walkCount else { return }
      marks[Int(part.number)] = walkCount
      waiting.append(part)
    }
    see(language)
    var parts = 0
    while let part = waiting.popLast() {
      parts += 1
      body(part)
      switch kind(part) {
      case .nothing, .blank, .set, .multiple: break
      case .sequence(let first, let second):
        see(first)
        see(second)
      case .union(let members), .both(let members): for place in places(of: members) { see(member(at: place)) }
      case .complement(let body), .repeated(let body, _, _): see(body)
      case .variable(let number): see(definitions[Int(number)])
      }
    }
    count(parts / 16)
  }

  /// What may come behind a scalar.
  func derivative(_ language: Language, by value: UInt32) -> Language {
    // What is no work is not worth being remembered.
    switch kind(language) {
    case .nothing, .blank: return nothing
    case .set(let number): return sets[Int(number)].contains(value) ? blank : nothing
    case .multiple(let number): return remainders[Int(number)].behind(value).map { multiple($0) } ?? nothing
    default: break
    }
    let hash = Derivatives.hash(language, value)
    if let known = derivatives.find(language, value, hash) { return known }
    count(1)
    if isFull { return nothing }
    let result: Language
    switch kind(language) {
    case .nothing, .blank, .set, .multiple: return nothing
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
      count(parts.count / 16)
      result = union(parts)
    case .union(let members):
      count(count(of: members) / 16)
      result = union(places(of: members).map { derivative(member(at: $0), by: value) })
    case .both(let members):
      count(count(of: members) / 16)
      result = both(places(of: members).map { derivative(member(at: $0), by: value) })
    case .complement(let body): result = complement(derivative(body, by: value))
    case .repeated(let body, let least, let most):
      let rest = repeated(body, max(0, Int(least) - 1), most < 0 ? nil : Int(most) - 1)
      result = sequence(derivative(body, by: value), rest)
    case .variable(let number): result = derivative(definitions[Int(number)], by: value)
    }
    derivatives.remember(result, of: language, by: value, hash)
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
