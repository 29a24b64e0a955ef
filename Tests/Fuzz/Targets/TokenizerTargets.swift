import Foundation
import JambaSystem
import JambaText
import TestSupport

extension FuzzTarget {
  /// tokenizer.json, and tokenizer_config.json behind a zero byte.
  static let tokenizerJSON = FuzzTarget(
    "tokenizer-json",
    dictionary: [
      "\"added_tokens\"", "\"normalizer\"", "\"pre_tokenizer\"", "\"post_processor\"", "\"decoder\"", "\"model\"",
      "\"BPE\"",
      "\"vocab\"", "\"merges\"", "\"byte_fallback\": true", "\"Prepend\"", "\"Replace\"", "\"Sequence\"",
      "\"Metaspace\"",
      "\"ByteFallback\"", "\"Fuse\"", "\"Strip\"", "\"TemplateProcessing\"", "\"lstrip\": true",
      "\"single_word\": true",
      "\"normalized\": true", "\"special\": true", "\"unk_token\"", "\"<0x0A>\"", "▁", "\"id\": ", "null", "\"\"",
    ], shortCount: 9000,
    run: { bytes in
      let parts = parts(bytes, 2)
      guard let json = try? JSON.parse(parts[0]) else { return }
      guard let tokenizer = try? Tokenizer(json: json, configuration: try? JSON.parse(parts[1])) else { return }
      for text in texts + [text(bytes.suffix(40))] { check(tokenizer, text) }
    })

  /// A SentencePiece model.
  static let sentencePiece = FuzzTarget(
    "tokenizer-model", dictionary: ["<unk>", "<s>", "</s>", "<0x0A>", "▁", "▁a"], shortCount: 4800,
    fixtures: {
      try ["bare", "jamba", "llama", "ties"].map {
        try bytes(of: Fixtures.repository + "/Tests/TokenizerTests/Fixtures/\($0).tokenizer.model")
      }
    },
    run: { bytes in
      guard let model = try? SentencePieceModel(bytes) else { return }
      if model.pieces.allSatisfy({ !$0.score.isNaN }) {
        guard let again = try? SentencePieceModel(model.serialized) else {
          fatalError("fuzzing: what is written is not read")
        }
        // Marks that are no pieces are lost.
        require(
          again.pieces == model.pieces && again.unknownSurface == model.unknownSurface,
          "what is written is another model")
        require((try? SentencePieceModel(again.serialized)) == again, "what is written twice is another model")
      }
      guard let tokenizer = try? Tokenizer(sentencePiece: model) else { return }
      for text in texts + [text(bytes.suffix(40))] { check(tokenizer, text) }
    })

  /// Texts in tokens and back, with several tokenizers: the first byte chooses.
  static let roundTrip = FuzzTarget(
    "round-trip",
    dictionary: [
      "<|startoftext|>", "<|im_end|>", "▁", "  ", "\n\n", "é", "e\u{301}", "👩‍👩‍👧", "\u{FEFF}", "\u{FFFD}", "<0x0A>", "中文",
    ],
    fixtures: { texts.enumerated().map { [UInt8($0.offset)] + Array($0.element.utf8) } },
    run: { bytes in
      let (name, tokenizer) = tokenizers[Int(bytes.first ?? 0) % tokenizers.count]
      let text = text(bytes.dropFirst())
      check(tokenizer, text)
      // The demo model's tokenizer spells out what it has no piece for, so that nothing is lost but the sign for a space.
      if name == "demo" {
        let tokens = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
        let spaced = String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\u{2581}" ? " " : $0 }))
        require(tokenizer.decode(tokens).utf8.elementsEqual(spaced.utf8), "a text does not come back: \(tokens)")
      }
    })

  /// Any ids, in pairs of bytes, with several tokenizers: what comes token by token is what comes at once, in whole characters.
  static let detokenizer = FuzzTarget(
    "detokenizer", shortCount: 2400,
    fixtures: {
      tokenizers.indices.map { index in
        [UInt8(index)]
          + tokenizers[index].1.encode(texts.joined(separator: " ")).flatMap {
            [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)]
          }
      }
    },
    run: { bytes in
      let tokenizer = tokenizers[Int(bytes.first ?? 0) % tokenizers.count].1
      let words = Array(bytes.dropFirst())
      let ids = stride(from: 0, to: words.count - 1, by: 2).map { index in
        // Most ids are the tokenizer's, some lie beyond.
        let id = Int(words[index]) | Int(words[index + 1]) << 8
        return id < 0xFF00 ? Int32(id % (tokenizer.idEnd + 2)) : Int32(bitPattern: UInt32(id) << 16)
      }
      checkStreaming(tokenizer, ids)
    })

  /// The scalars of a text, from the front, from the back, and from each place that is a scalar's.
  static let utf8 = FuzzTarget(
    "utf-8",
    dictionary: [
      "\u{7F}", "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}",
    ],
    shortCount: 30000,
    fixtures: { texts.map { Array($0.utf8) } },
    run: { bytes in
      let text = text(bytes)
      // A slice that does not begin at 0, as those of a longer text do.
      let all = [0x80] + Array(text.utf8)
      let slice = all[1...]
      var position = slice.startIndex
      for expected in text.unicodeScalars {
        let (scalar, end) = slice.scalar(at: position)
        require(
          scalar == expected.value && end - position == expected.utf8.count,
          "a scalar is read as \(scalar), not \(expected)")
        let (same, start) = slice.scalar(before: end)
        require(same == scalar && start == position, "a scalar is read backwards as \(same), not \(expected)")
        require(slice.hasPrefix(Array(expected.utf8), at: position), "a scalar is no prefix where it stands")
        require(!slice.hasPrefix(Array(slice[position...]) + [0], at: position), "what goes beyond the end is a prefix")
        position = end
        if position - slice.startIndex > 4096 { return }
      }
      require(position == slice.endIndex, "there is more behind the last scalar")
    })

  private static let texts = [
    "Hello, world!", " two  spaces\n\nand lines\t", "été e\u{301} 中文 👩‍👩‍👧 \u{0}\u{7F}", "<s><unk><|im_end|></s>",
    "aaaaaaaaaaaaaaaaaaaaaaaa",
    "",
  ]

  static let tokenizers: [(String, Tokenizer)] = {
    do {
      let fixtures = Fixtures.repository + "/Tests/TokenizerTests/Fixtures/"
      var all: [(String, Tokenizer)] = [
        (
          "demo",
          try Tokenizer(
            json: JSON.parse(bytes(of: Fixtures.checkpoint("demo") + "/tokenizer.json")), configuration: nil)
        )
      ]
      for name in ["metaspace", "prepend"] {
        all.append(
          (name, try Tokenizer(json: JSON.parse(bytes(of: fixtures + name + ".tokenizer.json")), configuration: nil)))
      }
      for name in ["bare", "jamba", "llama", "ties"] {
        all.append(
          (name, try Tokenizer(sentencePiece: SentencePieceModel(bytes(of: fixtures + name + ".tokenizer.model")))))
      }
      return all
    } catch { fatalError("no tokenizers: \(error)") }
  }()

  /// Ids lie in the vocabulary, and come back as text in whatever way they are decoded.
  private static func check(_ tokenizer: Tokenizer, _ text: String) {
    for parses in [false, true] {
      let ids = tokenizer.encode(text, addSpecialTokens: parses, parseSpecialTokens: parses)
      require(ids.allSatisfy { 0..<tokenizer.idEnd ~= Int($0) }, "an id lies outside of the vocabulary")
      checkStreaming(tokenizer, ids)
    }
  }

  private static func checkStreaming(_ tokenizer: Tokenizer, _ ids: [Int32]) {
    for skips in [false, true] {
      var stream = StreamingDetokenizer(tokenizer: tokenizer, skipSpecialTokens: skips)
      var text = ""
      for id in ids { text += stream.push(id) }
      text += stream.finish()
      require(
        text.utf8.elementsEqual(tokenizer.decode(ids, skipSpecialTokens: skips).utf8),
        "what comes token by token is another text: \(ids)")
    }
  }
}
