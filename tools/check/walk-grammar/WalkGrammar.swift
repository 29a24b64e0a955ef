import ArgumentParser
import Foundation
import JambaGrammar
import JambaSystem
import JambaText

/// Writes random texts of grammars, token by token, as a model with random logits would.
///
/// Reads JSON lines from a file: {"schema": …} or {"grammar": …}, each with a "seed" and, perhaps, "texts". Prints a line for
/// each: {"text": …}, or {"error": …}; of "texts" which are the grammar's ("matches"). At the end, on standard error: how
/// long grammars took to compile, and token masks to make.
@main
struct WalkGrammar: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "walk-grammar", abstract: "Writes random texts of grammars with a tokenizer's tokens.")

  @Argument(help: "A tokenizer.json.")
  var tokenizer: String

  @Argument(help: "A file of JSON lines.")
  var grammars: String

  @Option(help: "Tokens drawn freely; after them, those that end something are taken where they may be.")
  var free = 60

  @Option(help: "Tokens after which one in four is drawn by its first byte: what few tokens begin, such as an escape, comes, too.")
  var patience = 1000

  @Option(help: "Tokens after which a text is given up; 0 to compile grammars alone.")
  var limit = 4000

  func run() throws {
    let tokenizer = try Tokenizer(
      json: JSON.parse(FileSystem.contents(of: tokenizer, limit: 1 << 30)), configuration: nil)
    guard let end = tokenizer.id(of: "<|endoftext|>") else { throw ValidationError("There is no <|endoftext|>.") }
    let closers = ["\"", "}", "]", "\\"].compactMap { tokenizer.id(of: $0) }
    var seconds: [Double] = []
    var compiling: [Double] = []
    let clock = ContinuousClock()
    let texts = TokenTexts(tokenizer)
    let begin = ContinuousClock().now
    texts.prepare()
    let preparation = ContinuousClock().now - begin
    let firstBytes = (0..<Int32(tokenizer.idEnd)).map { tokenizer.textBytes(of: $0, showing: [], afterText: true)?.first }
    for line in try FileSystem.contents(of: grammars, limit: 1 << 30).split(separator: 10) {
      let line = try JSON.parse(line)
      var random = SplitMix(state: UInt64(line["seed"]?.integer ?? 0))
      do throws(GrammarError) {
        let grammar = try compile(line, &compiling)
        if let texts = line["texts"]?.array {
          var matches: [JSON] = []
          for text in texts { matches.append(.bool(try grammar.matches(text.string ?? ""))) }
          print(JSON.object(["matches": .array(matches)]).text())
          continue
        }
        guard limit > 0 else {
          print(JSON.object(["seconds": .number(compiling.last ?? 0)]).text())
          continue
        }
        let constraint = try TokenConstraint(grammar, texts, endTokens: [end])
        var tokens: [Int32] = []
        while tokens.count < limit, !constraint.isComplete {
          let begin = clock.now
          let mask = try constraint.allowedTokens()
          seconds.append(WalkGrammar.seconds(clock.now - begin))
          let token =
            tokens.count >= patience && random.next() % 4 == 0
            ? drawByByte(mask, firstBytes, &random)
            : draw(mask, [end] + closers, isFree: tokens.count < free, tokenizer.idEnd, &random)
          if token == end { break }
          tokens.append(token)
          try constraint.advance(token)
        }
        let isWhole = tokens.count < limit
        print(JSON.object(isWhole ? ["text": .string(tokenizer.decode(tokens))] : ["error": .string("no end")]).text())
      } catch {
        print(JSON.object(["error": .string("\(error)")]).text())
      }
    }
    var standardError = StandardError()
    print("grammars compiled: \(WalkGrammar.summary(compiling))", to: &standardError)
    print("texts of \(tokenizer.idEnd) tokens prepared in \(preparation); masks: \(WalkGrammar.summary(seconds))", to: &standardError)
  }

  private func compile(_ line: JSON, _ seconds: inout [Double]) throws(GrammarError) -> Grammar {
    let begin = ContinuousClock().now
    defer { seconds.append(WalkGrammar.seconds(ContinuousClock().now - begin)) }
    if let source = line["grammar"]?.string { return try Grammar(source: source) }
    return try Grammar(jsonSchema: line["schema"] ?? .bool(true))
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.attoseconds) * 1e-18 + Double(duration.components.seconds)
  }

  private static func summary(_ seconds: [Double]) -> String {
    guard !seconds.isEmpty else { return "none" }
    let sorted = seconds.sorted()
    func milliseconds(_ share: Double) -> Double {
      (sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))] * 1e6).rounded() / 1e3
    }
    let mean = (seconds.reduce(0, +) / Double(seconds.count) * 1e6).rounded() / 1e3
    return
      "\(seconds.count), mean \(mean) ms, median \(milliseconds(0.5)), 90 % \(milliseconds(0.9)), 99 % \(milliseconds(0.99)), most \(milliseconds(1))"
  }

  private func draw(
    _ mask: TokenMask, _ preferred: [Int32], isFree: Bool, _ count: Int, _ random: inout SplitMix
  ) -> Int32 {
    // Not always: what ends one thing may begin the next, as a quotation mark does.
    if !isFree, random.next() % 4 > 0 { for token in preferred where mask.contains(Int(token)) { return token } }
    let allowed = (0..<count).filter { mask.contains($0) }
    return Int32(allowed[Int(random.next() % UInt64(allowed.count))])
  }

  private func drawByByte(_ mask: TokenMask, _ firstBytes: [UInt8?], _ random: inout SplitMix) -> Int32 {
    let allowed = firstBytes.indices.filter { mask.contains($0) }
    let bytes = Set(allowed.map { firstBytes[$0] }).sorted { ($0 ?? 0, $0 == nil ? 0 : 1) < ($1 ?? 0, $1 == nil ? 0 : 1) }
    let byte = bytes[Int(random.next() % UInt64(bytes.count))]
    let tokens = allowed.filter { firstBytes[$0] == byte }
    return Int32(tokens[Int(random.next() % UInt64(tokens.count))])
  }
}

private struct StandardError: TextOutputStream {
  func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
