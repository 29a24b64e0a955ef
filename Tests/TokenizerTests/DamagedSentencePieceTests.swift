import Foundation
import JambaSystem
import JambaText
import Testing

/// A tokenizer.model that is damaged, or of another kind, is refused with a sentence.
struct DamagedSentencePieceTests {
  static func message(_ body: () throws -> Void) throws -> String {
    try #require(throws: TokenizerError.self, performing: body).description
  }

  @Test(arguments: [
    ("unigram", "model_type is \"Unigram\""), ("word", "model_type is \"Word\""), ("char", "model_type is \"Char\""),
    ("nfkc", "normalizer is \"nmt_nfkc\""), ("suffix", "treat_whitespace_as_suffix"),
  ])
  func otherKinds(_ name: String, expected: String) throws {
    let hex = try #require(Fixtures.json("refused.json")[name]?.string).utf8.map { $0 }
    let bytes = stride(from: 0, to: hex.count, by: 2).map {
      UInt8(String(decoding: hex[$0..<$0 + 2], as: UTF8.self), radix: 16)!
    }
    #expect(try Self.message { _ = try SentencePieceModel(bytes) }.contains(expected))
  }

  @Test func contradictions() throws {
    let sound = try SentencePieceTests.model("jamba")
    func message(_ change: (inout [SentencePieceModel.Piece]) -> Void) throws -> String {
      var model = sound
      change(&model.pieces)
      return try Self.message { _ = try Tokenizer(sentencePiece: model) }
    }
    #expect(try message { $0[500].text = "" }.contains("piece 500 is empty"))
    #expect(try message { $0[500].text = $0[499].text }.contains("piece 500 is piece 499 again"))
    #expect(try message { $0[500].text = String(repeating: "x", count: 1025) }.contains("piece 500 is longer"))
    #expect(try message { $0[500].score = .nan }.contains("piece 500 has no number"))
    #expect(try message { $0[500].type = .unknown }.contains("piece 500 is the second unknown"))
    #expect(try message { $0[500].type = .byte }.contains("piece 500 is to be a byte"))
    #expect(try message { $0[20].type = .normal }.contains("has pieces for some bytes, but none for"))
    #expect(
      try message { pieces in
        for index in pieces.indices where [.byte, .unknown].contains(pieces[index].type) {
          pieces[index].type = .unused
        }
      }.contains("neither an unknown piece"))
    #expect(try Self.message { _ = try SentencePieceModel([]) }.contains("no pieces"))
    #expect(
      try Self.message { _ = try SentencePieceModel(Array("{\"model\": 1}".utf8)) }.contains(
        "not a SentencePiece model"))
  }

  /// Bytes changed, cut out, put in and cut off: a sentence, or a tokenizer that can be used.
  @Test(.timeLimit(.minutes(2)), arguments: ["jamba", "bare", "ties"])
  func mutations(_ name: String) throws {
    let sound = try SentencePieceTests.bytes(name)
    var random = SplitMix(state: 17)
    var (refused, taken) = (0, 0)
    for _ in 0..<1500 {
      var bytes = sound
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        // The last bytes hold the specifications, each of which counts more than a piece.
        let place = Bool.random(using: &random) ? 0..<bytes.count : max(0, bytes.count - 400)..<bytes.count
        guard let position = place.randomElement(using: &random) else { break }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 1...20, using: &random)))
        case 3: bytes.insert(contentsOf: (0..<Int.random(in: 1...10, using: &random)).map { _ in 0xFF }, at: position)
        default: bytes.removeSubrange(position...)
        }
      }
      do throws(TokenizerError) {
        let tokenizer = try Tokenizer(sentencePiece: SentencePieceModel(bytes))
        let ids = tokenizer.encode("Once upon a time, <|eom|>  Zürich 🙂 abcabcabc")
        _ = tokenizer.decode(ids)
        taken += 1
      } catch {
        refused += 1
        #expect(!error.description.contains("\n") && error.description.utf8.count < 300)
      }
    }
    #expect(refused > 100 && taken > 100)
  }
}
