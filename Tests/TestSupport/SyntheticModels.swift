import JambaConvert
import JambaFormat

/// Models with random weights, for tests of what does not depend on the weights' sense.
package enum SyntheticModels {
  /// Eight layers, one of them attention; `experts` > 1 makes every second one a mixture of which two are chosen.
  package static func configuration(hidden: Int, intermediate: Int, experts: Int) -> String {
    """
    {"model_type": "jamba", "vocab_size": 256, "hidden_size": \(hidden), "intermediate_size": \(intermediate),
     "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "attn_layer_period": 8,
     "attn_layer_offset": 4, "expert_layer_period": 2, "expert_layer_offset": 1, "num_experts": \(experts),
     "num_experts_per_tok": \(min(2, experts)), "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2,
     "mamba_dt_rank": 16, "tie_word_embeddings": true, "rms_norm_eps": 1e-06, "max_position_embeddings": 4096,
     "bos_token_id": 1, "eos_token_id": 2}
    """
  }

  /// - Parameters:
  ///   - configuration: changes the text of the configuration.
  ///   - documents: more documents for the file, such as tokenizer.json.
  package static func write(
    to path: String, hidden: Int, intermediate: Int, experts: Int, packing: JambaFileWriter.Packing = .raw,
    configuration change: (String) -> String = { $0 }, documents: [(name: String, bytes: [UInt8])] = []
  ) throws {
    let text = change(configuration(hidden: hidden, intermediate: intermediate, experts: experts))
    var model = try SyntheticModel(configurationText: Array(text.utf8), documents: documents, recipe: .small)
    model.packing = packing
    model.routerSkew = 0.5
    try model.write(to: path, threads: 2) { _, _ in true }
  }
}
