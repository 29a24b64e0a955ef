import Jamba
import JambaSystem
import JambaText

/// The text of a token that stands alone.
struct TokenText {
  let text: String
  let bytes: [UInt8]

  init(_ token: Int32, _ tokenizer: Tokenizer?) {
    guard let tokenizer else {
      (text, bytes) = ("token:\(token)", [])
      return
    }
    var detokenizer = StreamingDetokenizer(tokenizer: tokenizer, afterText: true)
    let text = detokenizer.push(token) + detokenizer.finish()
    self.text = text
    // A byte that is no character by itself.
    let piece = tokenizer.piece(of: token) ?? ""
    if text == "\u{FFFD}", piece.utf8.count == 6, piece.hasPrefix("<0x"),
      let byte = UInt8(piece.dropFirst(3).prefix(2), radix: 16)
    {
      bytes = [byte]
    } else {
      bytes = Array(text.utf8)
    }
  }

  /// A token's text, or the name of one that stands for no text.
  static func name(of token: Int32, _ tokenizer: Tokenizer?) -> String {
    guard let tokenizer, tokenizer.isSpecial(token) else { return TokenText(token, tokenizer).text }
    return tokenizer.piece(of: token) ?? ""
  }

  /// How probable a piece's token was, as APIs of chats word it: a list of one, or of none.
  static func probabilities(of piece: Piece, _ tokenizer: Tokenizer?) -> [JSON] {
    guard let found = piece.logProbabilities else { return [] }
    func entry(_ entry: LogProbabilities.Entry) -> JSONObject {
      let text = TokenText(entry.token, tokenizer)
      return [
        "token": .string(text.text), "logprob": .number(ReplyNumbers.finite(entry.value)),
        "bytes": .array(text.bytes.map { .integer(Int($0)) }),
      ]
    }
    var object = entry(found.chosen)
    object["top_logprobs"] = .array(found.top.map { .object(entry($0)) })
    return [.object(object)]
  }
}

enum ReplyNumbers {
  /// JSON has no infinities: what is impossible is as good as e to the power of -9999, as in OpenAI's answers.
  static func finite(_ value: Float) -> Double { max(Double(value), -9999) }
}
