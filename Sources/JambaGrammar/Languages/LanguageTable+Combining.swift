/// Unions and intersections, in forms that keep derivatives few.
extension LanguageTable {
  func union(_ parts: [Language]) -> Language { union(parts, depth: 0) }

  /// - Parameter depth: how many beginnings in common have been taken out; that stops at a limit.
  private func union(_ parts: [Language], depth: Int) -> Language {
    var list: [Language] = []
    for part in parts where part != nothing {
      if case .union(let inner) = kind(part) { list += self.list(inner) } else { list.append(part) }
    }
    if list.count < 2 { return list.first ?? nothing }
    // Long lists are more work than short ones, and so is what begins alike for long.
    count(list.count / 16 + (depth > 0 ? 1 : 0))
    if list.count == 2, list[0] == list[1] { return list[0] }
    var members = SortedList(list)
    if members.contains(anything) { return anything }
    if members.count > 1 { mergeSets(&members) }
    if members.count > 1, depth < 40 { factor(&members, depth) }
    if members.count > 1 { mergeRepetitions(&members) }
    guard members.count > 1 else { return members.list.first ?? nothing }
    var all = Facts(isNullable: false, isPlain: true, least: Int.max, most: 0)
    for member in members.list {
      let one = facts(member)
      all.isNullable = all.isNullable || one.isNullable
      all.isPlain = all.isPlain && one.isPlain
      all.least = min(all.least, one.least)
      all.most = max(all.most, one.most)
    }
    return add(.union(self.members(members.list)), all)
  }

  /// Languages in the order of their numbers, each once.
  private struct SortedList {
    private(set) var list: [Language]

    init(_ parts: [Language]) {
      // Mostly they are in their order.
      if zip(parts, parts.dropFirst()).allSatisfy({ $0 < $1 }) {
        list = parts
        return
      }
      list = []
      list.reserveCapacity(parts.count)
      for part in parts.sorted() where list.last != part { list.append(part) }
    }

    var count: Int { list.count }

    private func place(of language: Language) -> Int {
      var (low, high) = (0, list.count)
      while low < high {
        let middle = (low + high) / 2
        if list[middle] < language { low = middle + 1 } else { high = middle }
      }
      return low
    }

    func contains(_ language: Language) -> Bool {
      let place = place(of: language)
      return place < list.count && list[place] == language
    }

    mutating func replace(_ others: [Language], by languages: [Language]) {
      let gone = SortedList(others)
      self = SortedList(list.filter { !gone.contains($0) } + languages)
    }
  }

  private func mergeSets(_ members: inout SortedList) {
    var found: [Language] = []
    for member in members.list { if case .set = kind(member) { found.append(member) } }
    guard found.count > 1 else { return }
    var ranges: [ClosedRange<UInt32>] = []
    for member in found { if case .set(let number) = kind(member) { ranges += sets[Int(number)].ranges } }
    members.replace(found, by: [set(ScalarSet(ranges))])
  }

  /// Writes what begins alike once: xa | xb is x(a | b). It keeps derivatives few.
  private func factor(_ members: inout SortedList, _ depth: Int) {
    var sequences: [(head: Language, tail: Language, member: Language)] = []
    for member in members.list {
      if case .sequence(let head, let tail) = kind(member) { sequences.append((head, tail, member)) }
    }
    guard !sequences.isEmpty else { return }
    sequences.sort { ($0.head, $0.tail) < ($1.head, $1.tail) }
    var (gone, made): ([Language], [Language]) = ([], [])
    var start = 0
    while start < sequences.count {
      let head = sequences[start].head
      var end = start + 1
      while end < sequences.count, sequences[end].head == head { end += 1 }
      let stands = head != blank && members.contains(head)
      if end > start + 1 || stands {
        let tails = sequences[start..<end].map(\.tail) + (stands ? [blank] : [])
        gone += sequences[start..<end].map(\.member) + (stands ? [head] : [])
        made.append(sequence(head, union(tails, depth: depth + 1)))
      }
      start = end
    }
    if !gone.isEmpty { members.replace(gone, by: made) }
  }

  /// Of repetitions of one body whose counts touch makes one.
  private func mergeRepetitions(_ members: inout SortedList) {
    struct Span {
      let body: Language
      let tail: Language
      let least: Int
      let most: Int
      let member: Language
    }
    var spans: [Span] = []
    for member in members.list {
      var (head, tail) = (member, blank)
      if case .sequence(let first, let rest) = kind(member) { (head, tail) = (first, rest) }
      guard case .repeated(let body, let least, let most) = kind(head) else { continue }
      spans.append(Span(body: body, tail: tail, least: Int(least), most: most < 0 ? Int.max : Int(most), member: member))
    }
    if spans.count > 1 { merge(&members, spans.sorted { ($0.body, $0.tail, $0.least) < ($1.body, $1.tail, $1.least) }) }
    if members.contains(blank), members.list.contains(where: { $0 != blank && facts($0).isNullable }) {
      members.replace([blank], by: [])
    }

    func merge(_ members: inout SortedList, _ spans: [Span]) {
      var (gone, made): ([Language], [Language]) = ([], [])
      var start = 0
      while start < spans.count {
        let (body, tail) = (spans[start].body, spans[start].tail)
        var end = start
        var merged: [(least: Int, most: Int)] = []
        while end < spans.count, spans[end].body == body, spans[end].tail == tail {
          if let last = merged.last, last.most == Int.max || spans[end].least <= last.most + 1 {
            merged[merged.count - 1].most = max(last.most, spans[end].most)
          } else {
            merged.append((spans[end].least, spans[end].most))
          }
          end += 1
        }
        if merged.count < end - start {
          gone += spans[start..<end].map(\.member)
          made += merged.map { sequence(repeated(body, $0.least, $0.most == Int.max ? nil : $0.most), tail) }
        }
        start = end
      }
      if !gone.isEmpty { members.replace(gone, by: made) }
    }
  }

  func both(_ parts: [Language]) -> Language {
    var flat: [Language] = []
    for part in parts where part != anything {
      if part == nothing { return nothing }
      if case .both(let inner) = kind(part) { flat += list(inner) } else { flat.append(part) }
    }
    if flat.count < 2 { return flat.first ?? anything }
    if flat.contains(blank) { return flat.allSatisfy { facts($0).isNullable } ? blank : nothing }
    mergeLengths(&flat)
    let sorted = SortedList(flat)
    let members = sorted.list
    if members.count < 2 { return members.first ?? anything }
    if members.count == 2, let known = narrowed(members[0], by: members[1]) ?? narrowed(members[1], by: members[0]) { return known }
    var all = Facts(isNullable: true, isPlain: false, least: 0, most: Int.max)
    for member in members {
      if member == nothing { return nothing }
      if case .complement(let body) = kind(member), sorted.contains(body) { return nothing }
      let one = facts(member)
      all.isNullable = all.isNullable && one.isNullable
      all.least = max(all.least, one.least)
      all.most = min(all.most, one.most)
    }
    if all.least > all.most { return nothing }
    return add(.both(self.members(members)), all)
  }

  /// What begins with one of a set of scalars, where another language says of the first scalar alone what it may be, as a
  /// look ahead mostly does; nil for anything else.
  private func narrowed(_ language: Language, by other: Language) -> Language? {
    let (first, rest) = beginning(of: language)
    guard let first else { return nil }
    if case .complement(let body) = kind(other) {
      let (out, behind) = beginning(of: body)
      guard let out, behind == anything else { return nil }
      return sequence(set(sets[first].subtracting(sets[out])), rest)
    }
    let (most, behind) = beginning(of: other)
    guard let most, behind == anything else { return nil }
    return sequence(set(sets[first].intersection(sets[most])), rest)
  }

  /// The set that a language begins with, and what is behind it.
  private func beginning(of language: Language) -> (set: Int?, rest: Language) {
    switch kind(language) {
    case .set(let number): return (Int(number), blank)
    case .sequence(let head, let tail): if case .set(let number) = kind(head) { return (Int(number), tail) }
    default: break
    }
    return (nil, language)
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
}
