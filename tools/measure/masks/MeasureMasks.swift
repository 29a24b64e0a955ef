import ArgumentParser
import Foundation
import JambaGrammar
import JambaSystem
import JambaText

/// Follows texts through the grammars of their schemas and says how long compiling and token masks took.
///
/// Reads JSON lines: {"schema": …, "valid": [text, …]}, as Tests/ChatTests/Fixtures/schemas.jsonl has them. A grammar is compiled
/// anew for each line, so that nothing is known of it before its first text. Times are the processor's, so
/// that what else runs matters little.
@main
struct MeasureMasks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "measure-masks", abstract: "Measures the compiling of schemas and the making of token masks.")

  @Argument(help: "A tokenizer.json or tokenizer.model.")
  var tokenizer: String

  @Argument(help: "Files of JSON lines.")
  var schemas: [String]

  @Option(help: "What takes longer than so many microseconds is listed.")
  var longest = 1000.0

  @Option(help: "Rounds, of which each mask's shortest time counts: what else runs then matters less.")
  var rounds = 1

  func run() throws {
    let bytes = try FileSystem.contents(of: tokenizer, limit: 1 << 30)
    let tokenizer =
      if bytes.first == UInt8(ascii: "{") { try Tokenizer(json: JSON.parse(bytes), configuration: nil) } else {
        try Tokenizer(sentencePiece: SentencePieceModel(bytes), configuration: nil)
      }
    let texts = TokenTexts(tokenizer)
    print("texts of \(tokenizer.idEnd) tokens prepared in \(measure { texts.prepare() } / 1000) ms")
    let end = Int32(tokenizer.idEnd - 1)
    var (compiling, masks, counts): ([Double], [Double], [Int]) = ([], [], [])
    var (refused, wrong) = (0, 0)
    // Tokens that could be chosen, those foreseen, and those of them that came.
    var (steps, foreseen, right) = (0, 0, 0)
    for round in 0..<max(rounds, 1) {
      var place = 0
      for path in schemas {
        for (number, line) in try FileSystem.contents(of: path, limit: 1 << 30).split(separator: 10).enumerated() {
          let line = try JSON.parse(line)
          var compiled: Grammar?
          let passed = measure { compiled = try? Grammar(jsonSchema: line["schema"] ?? .bool(true)) }
          guard let grammar = compiled else {
            if round == 0 { refused += 1 }
            if round == 0, passed > longest { print("\(path):\(number + 1): refused in \(passed) us") }
            continue
          }
          if round == 0 { compiling.append(passed) }
          if round == 0, passed > longest { print("\(path):\(number + 1): compiled in \(passed) us") }
          for text in (line["valid"]?.array ?? []).compactMap(\.string) {
            let constraint = try TokenConstraint(grammar, texts, endTokens: [end], afterText: true)
            let tokens = tokenizer.encode(text, addSpecialTokens: false)
            var known = 0
            var behind: [UInt8] = []
            for (index, token) in (tokens + [end]).enumerated() {
              var mask: TokenMask!
              let passed = try measure { mask = try constraint.allowedTokens() }
              if round == 0 {
                masks.append(passed)
                counts.append(mask.count)
              } else {
                masks[place] = min(masks[place], passed)
              }
              place += 1
              if round + 1 >= rounds, masks[place - 1] > longest {
                print("\(path):\(number + 1): \(masks[place - 1]) us for \(mask.count) tokens behind \(String(decoding: behind.suffix(80), as: UTF8.self))")
              }
              guard mask.contains(Int(token)) else {
                guard round == 0 else { break }
                wrong += 1
                print("\(path):\(number + 1): token \(token) may not come in \(text.prefix(200))")
                break
              }
              if token != end { try constraint.advance(token) }
              behind += tokenizer.textBytes(of: token, showing: [], afterText: true) ?? []
              guard round == 0 else { continue }
              steps += 1
              known -= 1
              if known <= 0 {
                let guesses = constraint.foreseenTokens(limit: 7)
                known = zip(guesses, tokens.dropFirst(index + 1)).prefix { $0 == $1 }.count
                foreseen += guesses.count
                right += known
              }
            }
          }
        }
      }
    }
    print("\(compiling.count) schemas compiled, \(refused) refused; \(wrong) texts cannot be written")
    print("compiling, us: \(summary(compiling))")
    print("\(masks.count) masks, us: \(summary(masks))")
    print("\(foreseen) of \(steps) tokens foreseen, \(right) of them right")
    var digest = FNV()
    for count in counts { digest.add(count) }
    print("tokens in masks, in all: \(counts.reduce(0, +)), digest \(String(digest.value, radix: 16))")
  }

  /// Microseconds of this thread.
  private func measure(_ body: () throws -> Void) rethrows -> Double {
    let begin = nanoseconds()
    try body()
    return Double((nanoseconds() - begin) / 100) / 10
  }

  private func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  private func summary(_ figures: [Double]) -> String {
    guard !figures.isEmpty else { return "none" }
    let sorted = figures.sorted()
    func share(_ share: Double) -> Double { sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))] }
    let mean = (figures.reduce(0, +) / Double(figures.count) * 10).rounded() / 10
    return "mean \(mean), median \(share(0.5)), 90 % \(share(0.9)), 99 % \(share(0.99)), 99.9 % \(share(0.999)), most \(share(1))"
  }
}

/// A sum of numbers in their order.
private struct FNV {
  var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ number: Int) { value = (value ^ UInt64(number)) &* 0x100_0000_01B3 }
}
