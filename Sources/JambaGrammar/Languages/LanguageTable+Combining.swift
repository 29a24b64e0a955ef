/// Unions and intersections, in forms that keep derivatives few.
extension LanguageTable {
  func union(_ parts: [Language]) -> Language { union(parts, depth: 0) }

  /// - Parameter depth: how many beginnings in common have been taken out; that stops at a limit.
  private func union(_ parts: [Language], depth: Int) -> Language {
    var list: [Language] = []
    for part in parts where part != nothing {
      if case .union(let inner) = kind(part) { list += inner } else { list.append(part) }
    }
    if list.count < 2 { return list.first ?? nothing }
    count(membersOf: list)
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
}
