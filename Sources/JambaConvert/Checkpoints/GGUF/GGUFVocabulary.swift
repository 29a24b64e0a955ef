import JambaFormat
import JambaSystem
import JambaText

/// The tokenizer that a GGUF file describes, as it describes it.
package struct GGUFVocabulary: Sendable, Equatable {
  /// What a token is (`llama_token_type`).
  package enum Kind: Int, Sendable {
    case undefined, normal, unknown, control, userDefined, unused, byte
  }

  /// "llama" for SentencePiece's byte-pair encoding by scores, "gpt2" for byte-level merges.
  package let model: String
  /// By token id.
  package let tokens: [String]
  /// By token id; empty where the file has none.
  package let scores: [Float]
  /// By token id; empty where the file has none.
  package let kinds: [Kind]
  package let merges: [String]
  package let bos: Int?
  package let eos: Int?
  package let unknown: Int?
  package let padding: Int?
  package let addsBOS: Bool?
  package let addsEOS: Bool?
  package let addsSpacePrefix: Bool?

  /// Tokens that end a turn and of which the file's one end may be none.
  private static let endNames: Set<String> = ["<|eom|>", "<|im_end|>", "<|endoftext|>"]

  /// Every token that ends a text: the file's, and those that are known by name.
  package var ends: [Int] {
    let named = tokens.indices.filter { GGUFVocabulary.endNames.contains(tokens[$0]) && $0 != eos }
    return (eos.map { [$0] } ?? []) + named
  }

  /// The text of the chat template's name for a token.
  package func text(_ id: Int?) -> String? {
    id.flatMap { tokens.indices.contains($0) ? tokens[$0] : nil }
  }

  /// - Returns: nil when the file has no tokens.
  /// - Throws: `damaged` when its lists are of different lengths.
  init?(_ parts: GGUFParts) throws(ConversionError) {
    let path = parts.files[0].file.path
    guard let tokens = parts["tokenizer.ggml.tokens"]?.texts, !tokens.isEmpty else { return nil }
    self.tokens = tokens
    model = parts["tokenizer.ggml.model"]?.text ?? ""
    scores = (parts["tokenizer.ggml.scores"]?.doubles ?? []).map { Float($0) }
    let numbers = parts["tokenizer.ggml.token_type"]?.integers ?? []
    kinds = numbers.compactMap(Kind.init(rawValue:))
    merges = parts["tokenizer.ggml.merges"]?.texts ?? []
    guard scores.isEmpty || scores.count == tokens.count, kinds.isEmpty || kinds.count == tokens.count,
      kinds.count == numbers.count
    else { throw .damaged(path: path, reason: "its tokens, their scores and their types do not fit together") }
    func id(_ name: String) -> Int? {
      parts["tokenizer.ggml.\(name)_token_id"]?.integer.flatMap { tokens.indices.contains($0) ? $0 : nil }
    }
    bos = id("bos")
    eos = id("eos")
    unknown = id("unknown")
    padding = id("padding")
    addsBOS = parts["tokenizer.ggml.add_bos_token"]?.bool
    addsEOS = parts["tokenizer.ggml.add_eos_token"]?.bool
    addsSpacePrefix = parts["tokenizer.ggml.add_space_prefix"]?.bool
  }
}

// MARK: - For the runtime

extension GGUFVocabulary {
  /// The tokenizer as documents of a .jamba file, and what should be known of it; no documents for a kind that is not read.
  var documents: (documents: [CheckpointDocument], notes: [String]) {
    guard model == "llama" else {
      return ([], ["the file's tokenizer is of the kind \"\(model)\", which is not read; only \"llama\" is"])
    }
    let model = sentencePiece
    do { _ = try Tokenizer(sentencePiece: model, configuration: settings) } catch {
      return ([], ["the file's tokenizer cannot be used: \(error)"])
    }
    return (
      [
        CheckpointDocument(name: DocumentName.sentencePiece, bytes: model.serialized),
        CheckpointDocument(name: DocumentName.tokenizerConfiguration, bytes: Array(settings.text().utf8)),
      ],
      model.hasDamagedScores
        ? ["the scores of all tokens in the file are equal; the order of the tokens stands in for them"] : []
    )
  }

  private var sentencePiece: SentencePieceModel {
    let pieces = tokens.indices.map { id in
      let kind = kinds.isEmpty ? nil : SentencePieceModel.PieceType(rawValue: kinds[id].rawValue)
      return SentencePieceModel.Piece(
        tokens[id], score: scores.isEmpty ? 0 : scores[id], type: id == unknown ? .unknown : kind ?? .normal)
    }
    return SentencePieceModel(
      pieces: pieces, addsDummyPrefix: addsSpacePrefix ?? true, bosPiece: text(bos), eosPiece: text(eos))
  }

  /// What tokenizer_config.json would say. llama.cpp begins a text of such a model with its first token unless told not to.
  private var settings: JSON {
    .object(["add_bos_token": .bool(addsBOS ?? true), "add_eos_token": .bool(addsEOS ?? false)])
  }
}
