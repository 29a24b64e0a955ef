import JambaFormat
import JambaSystem
import JambaText

/// What a GGUF file says of a model beside its tensors: llama.cpp's keys, from a .jamba file's documents.
struct GGUFKeys {
  var header = GGUFHeader()
  private(set) var notes: [String] = []

  init(
    _ file: JambaFile, _ c: ModelConfiguration, _ type: ExportType, _ tool: String
  ) throws(ConversionError) {
    header.add("general.architecture", "jamba")
    header.add("general.type", "model")
    header.add("general.name", String(file.path.split(separator: "/").last ?? "").droppingSuffix(".jamba"))
    header.add("general.file_type", type.fileType)
    header.add("general.quantization_version", 2)
    header.add("general.description", "exported by \(tool)")
    addShape(c)
    try addTokenizer(file, c)
  }

  private mutating func addShape(_ c: ModelConfiguration) {
    for (name, number) in [
      ("block_count", c.numHiddenLayers), ("context_length", c.maxPositionEmbeddings),
      ("embedding_length", c.hiddenSize), ("feed_forward_length", c.intermediateSize),
      ("attention.head_count", c.numAttentionHeads), ("attention.key_length", c.headDim),
      ("attention.value_length", c.headDim), ("ssm.conv_kernel", c.mambaDConv), ("ssm.inner_size", c.innerSize),
      ("ssm.state_size", c.mambaDState), ("ssm.time_step_rank", c.mambaDtRank),
      ("expert_count", c.numExperts > 1 ? c.numExperts : 0),
      ("expert_used_count", c.numExperts > 1 ? c.numExpertsPerTok : 0),
    ] {
      header.add("jamba." + name, number)
    }
    header.add(
      "jamba.attention.head_count_kv",
      (0..<c.numHiddenLayers).map { c.mixer(ofLayer: $0) == .attention ? c.numKeyValueHeads : 0 })
    header.add("jamba.attention.layer_norm_rms_epsilon", c.rmsNormEps)
  }

  private mutating func addTokenizer(_ file: JambaFile, _ c: ModelConfiguration) throws(ConversionError) {
    guard let (model, tokenizer) = try GGUFKeys.tokenizer(of: file) else {
      header.add("tokenizer.ggml.model", "none")
      notes.append("the file has no tokenizer that GGUF can hold, so llama.cpp will load it, but read no text")
      return
    }
    var pieces = model.pieces
    // A token for every row of the embedding, or the file is refused.
    for id in pieces.count..<max(pieces.count, c.vocabSize) {
      pieces.append(SentencePieceModel.Piece("[unused \(id)]", score: 0, type: .unused))
    }
    if pieces.count > c.vocabSize {
      notes.append("the last \(pieces.count - c.vocabSize) tokens have no embedding and are left out")
      pieces.removeLast(pieces.count - c.vocabSize)
    }
    header.add("tokenizer.ggml.model", "llama")
    header.add("tokenizer.ggml.pre", "default")
    header.add("tokenizer.ggml.tokens", pieces.map(\.text))
    header.add("tokenizer.ggml.scores", pieces.map(\.score))
    header.add("tokenizer.ggml.token_type", pieces.map(\.type.rawValue))
    for (name, id) in [
      ("bos", c.bosTokenID ?? tokenizer.bosID.map { Int($0) }),
      ("eos", c.eosTokenIDs.first ?? tokenizer.eosID.map { Int($0) }), ("unknown", tokenizer.unknownID.map { Int($0) }),
      ("padding", c.padTokenID),
    ] {
      if let id, pieces.indices.contains(id) { header.add("tokenizer.ggml.\(name)_token_id", id) }
    }
    if c.eosTokenIDs.count > 1 {
      let names = c.eosTokenIDs.dropFirst().map { pieces.indices.contains($0) ? pieces[$0].text : "\($0)" }
      notes.append("GGUF has one end of a text; \(names.joined(separator: ", ")) end one here as well")
    }
    let first = tokenizer.encode("", addSpecialTokens: true)
    header.add("tokenizer.ggml.add_bos_token", tokenizer.bosID != nil && first.first == tokenizer.bosID)
    header.add("tokenizer.ggml.add_eos_token", first.count > 1 && first.last == tokenizer.eosID)
    header.add("tokenizer.ggml.add_space_prefix", model.addsDummyPrefix)
    if let template = try document(DocumentName.chatTemplate, of: file) {
      header.add("tokenizer.chat_template", String(decoding: template, as: UTF8.self))
    } else if let template = try json(DocumentName.tokenizerConfiguration, of: file)?["chat_template"]?.string {
      header.add("tokenizer.chat_template", template)
    }
  }

  /// The file's tokenizer, and as scores.
  private static func tokenizer(
    of file: JambaFile
  ) throws(ConversionError) -> (model: SentencePieceModel, tokenizer: Tokenizer)? {
    let settings = try json(DocumentName.tokenizerConfiguration, of: file)
    do {
      if let vocabulary = try file.json(DocumentName.tokenizer) {
        let tokenizer = try Tokenizer(json: vocabulary, configuration: settings)
        return SentencePieceModel(merging: tokenizer).map { ($0, tokenizer) }
      }
      guard let bytes = try file.document(DocumentName.sentencePiece) else { return nil }
      let model = try SentencePieceModel(bytes).repaired
      return (model, try Tokenizer(sentencePiece: model, configuration: settings))
    } catch let error as FormatError { throw .format(error) } catch {
      throw .notExportable(path: file.path, reason: "its tokenizer cannot be used: \(error)")
    }
  }
}

private func document(_ name: String, of file: JambaFile) throws(ConversionError) -> [UInt8]? {
  do { return try file.document(name) } catch { throw .format(error) }
}

private func json(_ name: String, of file: JambaFile) throws(ConversionError) -> JSON? {
  do { return try file.json(name) } catch { throw .format(error) }
}

extension String {
  /// Without an ending, where it has it.
  fileprivate func droppingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
