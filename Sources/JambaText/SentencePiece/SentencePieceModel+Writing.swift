extension SentencePieceModel {
  /// The model as a tokenizer.model, which sentencepiece reads as well.
  public var serialized: [UInt8] {
    var file = ProtobufWriter()
    for piece in pieces {
      file.addMessage(1) { message in
        message.add(1, piece.text)
        message.addFloat(2, piece.score)
        message.add(3, UInt64(piece.type.rawValue))
      }
    }
    let fallsBackToBytes = pieces.contains { $0.type == .byte }
    let unknown = pieces.firstIndex { $0.type == .unknown }
    file.addMessage(2) { trainer in
      trainer.add(3, 2)
      trainer.add(35, fallsBackToBytes ? 1 : 0)
      trainer.add(40, UInt64(bitPattern: Int64(unknown ?? -1)))
      for (number, piece) in [(UInt64(41), bosPiece), (42, eosPiece)] {
        let id = piece.flatMap { name in pieces.firstIndex { $0.text.utf8.elementsEqual(name.utf8) } }
        trainer.add(number, UInt64(bitPattern: Int64(id ?? -1)))
      }
      trainer.add(44, unknownSurface)
      if let unknown { trainer.add(45, pieces[unknown].text) }
      if let bosPiece { trainer.add(46, bosPiece) }
      if let eosPiece { trainer.add(47, eosPiece) }
    }
    file.addMessage(3) { normalizer in
      normalizer.add(1, "identity")
      normalizer.add(3, addsDummyPrefix ? 1 : 0)
      normalizer.add(4, removesExtraWhitespace ? 1 : 0)
      normalizer.add(5, escapesWhitespace ? 1 : 0)
    }
    return file.bytes
  }
}

/// Writes one message of Protocol Buffers.
private struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }

  mutating func add(_ number: UInt64, _ value: UInt64) {
    varint(number << 3)
    varint(value)
  }

  mutating func addFloat(_ number: UInt64, _ value: Float) {
    varint(number << 3 | 5)
    for shift in stride(from: UInt32(0), to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
    }
  }

  mutating func add(_ number: UInt64, _ text: String) {
    varint(number << 3 | 2)
    varint(UInt64(text.utf8.count))
    bytes += text.utf8
  }

  mutating func addMessage(_ number: UInt64, _ body: (inout ProtobufWriter) -> Void) {
    var message = ProtobufWriter()
    body(&message)
    varint(number << 3 | 2)
    varint(UInt64(message.bytes.count))
    bytes += message.bytes
  }
}
