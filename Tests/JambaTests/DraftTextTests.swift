import Foundation
import Jamba
import JambaConvert
import JambaSystem
import TestSupport
import Testing

/// Guesses from texts that answers are expected to repeat parts of.
@Suite struct DraftTextTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = try folder.convertDemo(ConversionOptions(recipe: .small, threads: 2))
  }

  /// The longest end of a context that occurs, by looking everywhere, and how often each token follows it.
  private static func matches(_ text: [Int32], _ context: [Int32], least: Int) -> (matched: Int, next: [Int32: Int])? {
    for matched in stride(from: min(24, context.count), through: least, by: -1) {
      let end = Array(context.suffix(matched))
      var (next, found): ([Int32: Int], Bool) = ([:], false)
      for start in 0..<max(0, text.count - matched + 1) where Array(text[start..<start + matched]) == end {
        found = true
        if start + matched < text.count { next[text[start + matched], default: 0] += 1 }
      }
      if found { return (matched, next) }
    }
    return nil
  }

  @Test func findsTheLongestMatchAndWhatMostlyFollowsIt() throws {
    var random = SplitMix64(seed: 3)
    var (found, missed, decided) = (0, 0, 0)
    for trial in 0..<300 {
      let letters = UInt64(1 + trial % 5)
      let text = (0..<trial).map { _ in Int32(random.next() % letters) }
      let draftText = try DraftText(tokens: text)
      for _ in 0..<10 {
        let context = (0..<Int(random.next() % 30)).map { _ in Int32(random.next() % (letters + 1)) }
        let expected = DraftTextTests.matches(text, context, least: 2)
        let match = draftText.continuation(of: context, least: 2, limit: 5)
        guard let expected else {
          #expect(match == nil)
          missed += 1
          continue
        }
        guard let match else {
          #expect(expected.next.isEmpty)
          continue
        }
        found += 1
        #expect(match.matched == expected.matched)
        #expect(Array(text[match.place - match.matched..<match.place]) == context.suffix(match.matched))
        // A sample of fifteen is all where there are no more.
        let most = expected.next.values.max()!
        if expected.next.values.reduce(1, +) <= 15 {
          #expect(expected.next[text[match.place]] == most)
          decided += expected.next.count > 1 ? 1 : 0
        }
        #expect(Array(draftText.tokens(at: match.place, limit: 3)) == Array(text[match.place...].prefix(3)))
      }
    }
    #expect(found > 500 && missed > 500 && decided > 100)
  }

  @Test func sortsTextsThatRepeatThemselves() throws {
    for text in [[Int32](repeating: 7, count: 200_000), (0..<200_000).map { Int32($0 % 2) }] {
      let match = try DraftText(tokens: text).continuation(of: Array(text[..<12]), least: 2, limit: 7)
      #expect(match?.matched == 12)
    }
  }

  @Test func guessesFromFilesAndChangesNoToken() throws {
    let (parts, text) = (["the quick brown fox jumps over the lazy dog. ", "she sells sea shells by the sea shore.\n"], folder.path + "/draft.txt")
    try Data(String(repeating: parts.joined(), count: 40).utf8).write(to: URL(fileURLWithPath: text))
    let guessing = try model { $0.draftTexts = [text] }
    let plain = try model { _ in }
    let answer = try plain.requireTokenizer().encode(parts[0] + parts[1], addSpecialTokens: false)
    var logits: [[Float]] = []
    for model in [plain, guessing] {
      var options = SessionOptions(draft: 3)
      options.draftsEagerly = true
      let session = try model.makeSession(options: options)
      _ = try session.append([1])
      try session.follow(answer)
      logits.append(try session.append([1]))
      // Two tokens tell where the text is, and then it goes on as there.
      let found = session.draftStatistics
      if model === plain { #expect(found.right == 0) } else { #expect(found.right >= answer.count / 2 && found.right == found.guessed) }
    }
    #expect(logits[0] == logits[1])
  }

  @Test func countsInThePlanAndRefusesWhatIsNotThere() throws {
    let text = folder.path + "/draft.txt"
    try Data(repeating: 0xFF, count: 300_000).write(to: URL(fileURLWithPath: text))
    let opened = try model { $0.draftTexts = [text] }
    #expect(opened.plan.items.contains { $0.name == "texts to guess from" && $0.byteCount >= 900_000 })
    #expect(throws: JambaError.self) { try model { $0.draftTexts = [text, folder.path + "/missing"] } }
    try Data().write(to: URL(fileURLWithPath: text))
    #expect(try !model { $0.draftTexts = [text] }.plan.items.contains { $0.name == "texts to guess from" })
  }

  private func model(_ change: (inout ModelOptions) -> Void) throws -> JambaModel {
    var options = ModelOptions(threads: 2, draft: 7)
    change(&options)
    return try JambaModel.open(path, options: options)
  }
}
