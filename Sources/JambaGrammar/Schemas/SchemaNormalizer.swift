import JambaSystem

/// Finds the values that fit schemas of a document, whatever is combined in them.
///
/// Schemas within arrays and objects are goals: they are looked at when they are asked for, so a schema may name itself there.
final class SchemaNormalizer {
  var document: SchemaDocument
  let table: LanguageTable
  private struct Question: Hashable {
    let part: SchemaGoal.Part
    let reading: Reading
  }
  private struct GoalQuestion: Hashable {
    let goal: SchemaGoal
    let reading: Reading
  }
  struct PatternQuestion: Hashable {
    let text: ExactString
    let reading: Reading
  }
  var patterns: [PatternQuestion: Language] = [:]
  /// The patterns that languages come from, in their inner reading.
  var sources: [Language: ExactString] = [:]
  private var known: [Question: SchemaValues] = [:]
  private var knownGoals: [GoalQuestion: SchemaValues] = [:]
  private var asked: Set<Question> = []
  private var emptiness: [GoalQuestion: Bool] = [:]
  private var depth = 0
  /// Conjunctions made.
  private var work = 0
  /// Whether the error on its way names its place.
  private var isLocated = false

  private static let selfReference = "it refers to itself"
  static let alternatives = 600
  static let workLimit = 100_000

  init(_ schema: JSON, _ table: LanguageTable) throws(GrammarError) {
    document = try SchemaDocument(schema)
    self.table = table
  }

  var never: SchemaGoal { SchemaGoal(document.never) }

  func isNever(_ goal: SchemaGoal) -> Bool { goal.parts.contains(SchemaGoal.Part(place: document.never)) }

  func count(_ amount: Int = 1) throws(GrammarError) {
    work += amount
    guard work <= SchemaNormalizer.workLimit else { throw .tooLarge("its combinations of schemas") }
  }

  // MARK: Questions

  /// The values that fit a schema.
  func values(of place: SchemaPlace, _ reading: Reading) throws(GrammarError) -> SchemaValues {
    try values(of: SchemaGoal.Part(place: place), reading)
  }

  func values(of part: SchemaGoal.Part, _ reading: Reading) throws(GrammarError) -> SchemaValues {
    let part = SchemaGoal.Part(place: try resolved(part.place), isNegated: part.isNegated)
    let question = Question(part: part, reading: reading)
    if let answer = known[question] { return answer }
    guard asked.insert(question).inserted else {
      throw .invalidSchema(path: document.entry(part.place).path, reason: SchemaNormalizer.selfReference)
    }
    guard depth < 2 * GrammarLimits.nesting else { throw .tooLarge("schemas nest deeper than \(2 * GrammarLimits.nesting)") }
    depth += 1
    defer {
      depth -= 1
      asked.remove(question)
    }
    let answer: SchemaValues
    do throws(GrammarError) {
      try count()
      answer =
        part.isNegated
        ? try subtract(SchemaValues(), values(of: part.place, reading.opposite), reading, "not", part.place)
        : try read(part.place, reading)
    } catch { throw located(error, document.entry(part.place).path) }
    known[question] = answer
    return answer
  }

  /// Names the place in an error that has none; the innermost comes first.
  func located(_ error: GrammarError, _ path: String) -> GrammarError {
    guard case .tooLarge(let what) = error, !isLocated else { return error }
    isLocated = true
    return .tooLarge("\(what), at \(path.isEmpty ? "the schema's root" : path)")
  }

  /// The schema that others come down to which are nothing but references, one behind the other: no nesting.
  func resolved(_ place: SchemaPlace) throws(GrammarError) -> SchemaPlace {
    var here = place
    var seen: Set<SchemaPlace> = [place]
    while case .object(let object) = document.entry(here).schema, let reference = object["$ref"] {
      guard document.entry(here).dialect.isReferenceAlone || object.keys.allSatisfy(SchemaNormalizer.besideReferences.contains)
      else { break }
      here = try document.target(of: reference, keyword: "$ref", from: here)
      guard seen.insert(here).inserted else {
        throw .invalidSchema(path: document.entry(place).path, reason: SchemaNormalizer.selfReference)
      }
    }
    return here
  }

  private static let besideReferences: Set<String> = [
    "$ref", "$defs", "definitions", "title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly",
  ]

  /// The values that fit all schemas of a goal.
  func values(of goal: SchemaGoal, _ reading: Reading) throws(GrammarError) -> SchemaValues {
    if goal.parts.count == 1 { return try values(of: goal.parts[0], reading) }
    let question = GoalQuestion(goal: goal, reading: reading)
    if let answer = knownGoals[question] { return answer }
    var all = SchemaValues()
    for part in goal.parts { all = try intersect(all, values(of: part, reading), reading) }
    knownGoals[question] = all
    return all
  }

  /// Whether it is certain that no value fits.
  func isEmpty(_ goal: SchemaGoal, _ reading: Reading, depth: Int = 0) throws(GrammarError) -> Bool {
    if goal.isAnything { return false }
    if isNever(goal) { return true }
    let question = GoalQuestion(goal: goal, reading: reading)
    if let answer = emptiness[question] { return answer }
    // What holds itself counts as possible; so does what is too deep to be looked at.
    guard depth < 40 else { return false }
    emptiness[question] = false
    let values: SchemaValues
    do throws(GrammarError) {
      values = try self.values(of: goal, reading)
    } catch .invalidSchema(_, SchemaNormalizer.selfReference) where !asked.isEmpty {
      // It is asked while a schema around it is being read, which says it in the end.
      emptiness[question] = nil
      return false
    }
    let answer: Bool
    do throws(GrammarError) { answer = try isEmpty(values, reading, depth: depth + 1) } catch {
      throw located(error, document.entry(goal.parts[0].place).path)
    }
    emptiness[question] = answer
    return answer
  }

  /// Where it is said that no value fits: the place of the innermost member that must be there and cannot; nil where some
  /// value may fit.
  func emptyPlace(in goal: SchemaGoal, depth: Int = 0) throws(GrammarError) -> String? {
    guard try isEmpty(goal, .inner) else { return nil }
    guard let part = goal.parts.first, depth < GrammarLimits.nesting else { return "" }
    for objects in try values(of: goal, .inner).objects {
      for name in objects.required {
        let inner = objects.property(name)?.goal ?? objects.otherGoal(name, in: table)
        guard !isNever(inner), let place = try emptyPlace(in: inner, depth: depth + 1) else { continue }
        return place
      }
    }
    return document.entry(part.place).path
  }

  func isEmpty(_ values: SchemaValues, _ reading: Reading, depth: Int) throws(GrammarError) -> Bool {
    if values.hasNull || !values.booleans.isEmpty { return false }
    for numbers in values.numbers where try !isEmpty(numbers, reading) { return false }
    for strings in values.strings where try !isEmpty(strings) { return false }
    for arrays in values.arrays where try !isEmpty(arrays, reading, depth: depth) { return false }
    for objects in values.objects where try !isEmpty(objects, reading, depth: depth) { return false }
    return true
  }

  func isEmpty(_ strings: StringValues) throws(GrammarError) -> Bool {
    if let constants = strings.constants { return constants.isEmpty }
    guard let language = strings.language else { return false }
    return try table.isEmpty(language)
  }

  func isEmpty(_ numbers: NumberValues, _ reading: Reading) throws(GrammarError) -> Bool {
    if let constants = numbers.constants { return constants.isEmpty }
    if numbers == NumberValues() { return false }
    if let low = numbers.low, let high = numbers.high {
      if high.value < low.value { return true }
      if low.value == high.value {
        guard !low.isExcluded, !high.isExcluded, numbers.contains(low.value) else { return true }
      }
      // The commonest questions, which need no language.
      if numbers.multiples.isEmpty, numbers.language == nil {
        if !numbers.isWhole { return false }
        if let least = low.value.whole, let most = high.value.whole {
          return least + (low.isExcluded ? 1 : 0) > most - (high.isExcluded ? 1 : 0)
        }
      }
    } else if numbers.language == nil {
      return false
    }
    return try table.isEmpty(language(of: numbers, reading))
  }

  func isEmpty(_ arrays: ArrayValues, _ reading: Reading, depth: Int) throws(GrammarError) -> Bool {
    if let most = arrays.most, most < arrays.least { return true }
    for index in 0..<min(arrays.least, arrays.leading.count + 1)
    where try isEmpty(arrays.goal(at: index), reading, depth: depth) { return true }
    return false
  }

  func isEmpty(_ objects: ObjectValues, _ reading: Reading, depth: Int) throws(GrammarError) -> Bool {
    if let most = objects.most, most < max(objects.least, objects.required.count) { return true }
    for name in objects.required {
      let goal = objects.property(name)?.goal ?? objects.otherGoal(name, in: table)
      if try isEmpty(goal, reading, depth: depth) { return true }
    }
    return false
  }
}
