import JambaFormat
import JambaSystem
import Testing

@Suite struct ConfigurationTests {
  static let minimal = #""model_type": "jamba", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2"#

  static func configuration(_ extra: String = "", generation: String? = nil) throws -> ModelConfiguration {
    try ModelConfiguration(
      try JSON.parse("{\(minimal)\(extra.isEmpty ? "" : ", " + extra)}"), generation: generation.map { try JSON.parse($0) })
  }

  @Test func whatIsLeftOutHasTheClassDefaults() throws {
    let c = try ConfigurationTests.configuration()
    #expect(c.vocabSize == 65536)
    #expect(c.mambaDtRank == 4)  // ceil(64 / 16)
    #expect(c.numExperts == 16)
    #expect(c.attnLayerPeriod == 8 && c.attnLayerOffset == 4)
    #expect(c.mambaConvBias && !c.mambaProjBias && !c.tieWordEmbeddings)
    #expect(c.eosTokenIDs == [])
  }

  @Test func endTokensComeFromBothFiles() throws {
    let c = try ConfigurationTests.configuration(#""eos_token_id": 2"#, generation: #"{"eos_token_id": [2, 518]}"#)
    #expect(c.eosTokenIDs == [2, 518])
  }

  @Test func spellings() throws {
    #expect(try ConfigurationTests.configuration(#""mamba_dt_rank": "auto", "n_ctx": 4096"#).maxPositionEmbeddings == 4096)
    #expect(try ConfigurationTests.configuration(#""num_local_experts": 4"#).numExperts == 4)
    #expect(try ConfigurationTests.configuration(#""head_dim": 32"#).headDim == 32)
    // Two names of x * sigmoid(x).
    _ = try ConfigurationTests.configuration(#""hidden_act": "swish""#)
  }

  /// So much is taken, and one more is not.
  @Test func limits() throws {
    func isTaken(_ extra: String) -> Bool { (try? ConfigurationTests.configuration(extra)) != nil }
    for (name, most) in [
      ("vocab_size", 1 << 24), ("intermediate_size", 1 << 20), ("num_hidden_layers", 4096), ("mamba_d_state", 128),
      ("mamba_d_conv", 32), ("mamba_expand", 16), ("mamba_dt_rank", 1 << 17), ("max_position_embeddings", 1 << 30),
    ] {
      #expect(isTaken(#""\#(name)": \#(most)"#) && !isTaken(#""\#(name)": \#(most + 1)"#), "\(name)")
    }
    #expect(isTaken(#""num_experts": 1024, "num_hidden_layers": 64"#))
    #expect(!isTaken(#""num_experts": 1024, "num_hidden_layers": 65"#))
  }

  @Test(arguments: [
    #""model_type": "llama""#, #""vocab_size": 0"#, #""hidden_size": -1"#, #""num_hidden_layers": 1e9"#,
    #""mamba_d_state": "big""#, #""attn_layer_offset": 9"#, #""num_key_value_heads": 3"#, #""num_experts_per_tok": 99"#,
    #""hidden_act": "gelu""#, #""hidden_act": 3"#, #""rms_norm_eps": -1"#, #""rms_norm_eps": "small""#,
    #""rms_norm_eps": 1e-60"#, #""mamba_conv_bias": 3"#, #""num_attention_heads": 0"#, #""mamba_d_conv": 100"#,
    #""model_type": 7"#, #""num_experts": 1024, "num_hidden_layers": 4096"#,
  ])
  func absurdValuesAreNamed(extra: String) throws {
    // Replaces the key where the minimal configuration has it.
    let (key, value) = (extra.split(separator: ":")[0], extra)
    let rest = ConfigurationTests.minimal.split(separator: ",").filter { !$0.contains(key) }.joined(separator: ",")
    let json = try JSON.parse("{\(rest.isEmpty ? value : rest + "," + value)}")
    #expect(throws: ConfigurationError.self) { try ModelConfiguration(json) }
  }
}
