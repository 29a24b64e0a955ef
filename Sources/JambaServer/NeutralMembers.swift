import JambaSystem

extension Parameters {
  /// Reads the members of OpenAI's and other servers' requests that change no answer of this server's: some never do, others
  /// do not with the values they are taken with.
  ///
  /// - Throws: for one that asks for what is not done.
  mutating func readNeutralMembers() throws(Failure) {
    ignore(Parameters.idleMembers)
    for (name, values) in Parameters.neutralValues { try fixed(name, values) }
  }

  /// Members that change nothing, whatever they hold: who asks, where it is to be filed, how soon and by which cache it is
  /// to be computed, and what else an answer is to report.
  private static let idleMembers = [
    "user", "metadata", "store", "service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
    "prediction", "cache_prompt", "cache_salt", "id_slot", "n_keep", "n_discard", "n_cache_reuse", "priority",
    "request_id", "timings_per_token", "return_tokens", "preserved_tokens",
    "spaces_between_special_tokens", "guided_decoding_backend", "guided_whitespace_pattern", "adaptive_decay",
  ]

  /// Members that ask for what is not done, and the values with which they do not.
  private static let neutralValues: [(name: String, values: [JSON])] = [
    // OpenAI's.
    ("functions", [.array([])]), ("function_call", [.string("none"), .string("auto")]),
    ("modalities", [.array([.string("text")]), .array([])]), ("audio", []), ("web_search_options", []),
    // Search, and limits of time and length.
    ("use_beam_search", [.bool(false)]), ("num_beams", [.integer(1)]), ("length_penalty", [.integer(1)]),
    ("early_stopping", [.bool(false)]), ("min_tokens", [.integer(0)]), ("do_sample", [.bool(true)]),
    ("t_max_predict_ms", [.integer(0), .integer(-1)]), ("t_max_prompt_ms", [.integer(0), .integer(-1)]),
    ("n_indent", [.integer(0)]), ("truncate_prompt_tokens", []),
    // Stages of sampling.
    ("min_keep", [.integer(0), .integer(1)]), ("tfs_z", [.integer(1)]), ("top_a", [.integer(0)]),
    ("penalize_nl", [.bool(false)]), ("smoothing_factor", [.integer(0)]), ("smoothing_curve", [.integer(1)]),
    ("epsilon_cutoff", [.integer(0)]), ("eta_cutoff", [.integer(0)]), ("penalty_alpha", [.integer(0)]),
    ("no_repeat_ngram_size", [.integer(0)]), ("encoder_repetition_penalty", [.integer(1)]),
    ("guidance_scale", [.integer(1)]), ("negative_prompt", [.string("")]), ("adaptive_target", [.integer(-1)]),
    ("ban_eos_token", [.bool(false)]), ("custom_token_bans", [.string("")]), ("bad_words", [.array([])]),
    ("stop_token_ids", [.array([])]), ("allowed_token_ids", [.array([])]), ("logits_processors", [.array([])]),
    ("lora", [.array([])]), ("image_data", [.array([])]),
    // Forms of answers under other names.
    ("grammar_lazy", [.bool(false)]), ("grammar_triggers", [.array([])]),
    // What the answer shows, and how.
    ("include_stop_str_in_output", [.bool(false)]), ("skip_special_tokens", [.bool(true)]),
    ("return_tokens_as_token_ids", [.bool(false)]), ("return_token_ids", [.bool(false)]),
    ("prompt_logprobs", [.bool(false)]), ("n_probs", [.integer(0)]), ("post_sampling_probs", [.bool(false)]),
    ("response_fields", [.array([])]), ("parse_tool_calls", [.bool(true)]),
    ("reasoning_format", [.string("auto"), .string("deepseek")]), ("reasoning_in_content", [.bool(false)]),
    ("reasoning_budget", [.integer(-1)]), ("thinking_budget", [.integer(-1)]),
    ("thinking_budget_tokens", [.integer(-1)]),
  ]
}
