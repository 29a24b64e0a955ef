import JambaSystem
import JambaText
import Testing

/// What tokenizer_config.json says of tokens, as transformers reads it.
struct SettingsTests {
  @Test func reference() throws {
    let base = try Fixtures.json("metaspace.tokenizer.json")
    let added = try #require(base["added_tokens"]?.array).filter { ![4, 5, 7].contains($0["id"]?.integer) }
    let cases = try #require(Fixtures.json("settings.json")["cases"]?.array)
    #expect(cases.count == 10)
    for settings in cases {
      var json = base.replacing("added_tokens", with: .array(added))
      if settings["keeps_post_processor"]?.bool == false { json = json.replacing("post_processor", with: .null) }
      let tokenizer = try Tokenizer(json: json, configuration: settings["configuration"])
      for line in try #require(settings["encoded"]?.array) {
        let comment: Comment = "\(settings["configuration"]!.text()) \(line.text())"
        let ids = line["ids"]!.ids
        #expect(tokenizer.encode(line["text"]!.string!) == ids, comment)
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == line["decoded_skip_special"]?.string, comment)
      }
    }
  }

  /// transformers gives such tokens new ids, for which the model has no rows.
  @Test(arguments: [
    #"{"additional_special_tokens": ["<|new|>"]}"#, #"{"extra_special_tokens": {"image_token": "<|new|>"}}"#,
    #"{"eos_token": "<|new|>"}"#, #"{"added_tokens_decoder": {"5": {"content": "<|new|>"}}}"#,
  ])
  func newTokensAreRefused(_ settings: String) throws {
    let json = try Fixtures.json("metaspace.tokenizer.json")
    let error = try #require(throws: TokenizerError.self) {
      try Tokenizer(json: json, configuration: JSON.parse(settings))
    }
    #expect(error.description.contains("<|new|>"))
  }

  @Test(arguments: [
    (#"{"split_special_tokens": true}"#, "split_special_tokens"),
    (#"{"added_tokens_decoder": []}"#, "is not an object"),
    (#"{"added_tokens_decoder": {"x": {"content": "a"}}}"#, "no token id"),
    (#"{"added_tokens_decoder": {"5": {}}}"#, "added_tokens_decoder.5.content is missing"),
    (#"{"additional_special_tokens": 7}"#, "is not an array"),
    (#"{"additional_special_tokens": [7]}"#, "is not a string"),
  ])
  func damage(_ settings: String, expected: String) throws {
    let json = try Fixtures.json("metaspace.tokenizer.json")
    let error = try #require(throws: TokenizerError.self) {
      try Tokenizer(json: json, configuration: JSON.parse(settings))
    }
    #expect(error.description.contains(expected), "\(error)")
  }
}
