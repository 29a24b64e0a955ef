import Foundation
import Jamba
import JambaServer
import JambaSystem
import TestSupport

extension FuzzTarget {
  /// Bodies of requests to the server. The first byte chooses the API, the rest is the body.
  static let request = FuzzTarget(
    "request",
    dictionary: [
      "\"messages\":[", "\"role\":\"user\"", "\"content\":", "\"tools\":[", "\"tool_choice\":", "\"function\":{",
      "\"parameters\":{", "\"response_format\":",
      "\"json_schema\"", "\"temperature\":", "\"logit_bias\":{", "\"stop\":[", "\"n\":", "\"max_tokens\":",
      "\"stream\":true", "\"input\":[", "\"instructions\":",
      "\"previous_response_id\":", "\"prompt\":", "\"system\":", "\"tool_use\"", "\"tool_result\"", "\"thinking\":{",
      "\"options\":{", "\"format\":",
      "\"keep_alive\":", "\"grammar\":", "\"chat_template_kwargs\":{", "\"dry_sequence_breakers\":[", "null", "true",
      "1e999", "-1", "{}", "[]", "\"\"",
    ],
    shortCount: 18000,
    run: { bytes in
      guard let first = bytes.first, let body = (try? JSON.parse(bytes.dropFirst()))?.object else { return }
      let (model, options) = (requestModel, first & 8 == 0 ? ServerOptions(modelName: "model") : strictOptions)
      switch first & 7 {
      case 0, 1: _ = try? AnswerRequest.chat(body, model, options)
      case 2: _ = try? ResponsesRequest(body, ResponseStore(), model, options)
      case 3: _ = try? AnswerRequest.messages(body, model, options)
      case 4: _ = try? OllamaRequest.chat(body, model, options)
      case 5: _ = try? OllamaRequest.generate(body, model, options)
      default: _ = try? AnswerRequest.completion(body, model, options)
      }
    })

  /// Bodies of requests for embeddings. The first byte chooses the API, the rest is the body.
  static let embeddings = FuzzTarget(
    "embeddings",
    dictionary: [
      "\"input\":", "\"prompt\":", "\"model\":\"model\"", "\"encoding_format\":\"base64\"", "\"dimensions\":32",
      "\"embd_normalize\":-1", "\"truncate\":false", "[[1,2],[3]]", "[1,2,3]", "[\"a\",\"\"]", "\"\"", "null", "1e999",
      "-1",
    ],
    shortCount: 18000,
    fixtures: {
      [
        #"0{"input": ["a text", "another"], "model": "model", "encoding_format": "base64", "embd_normalize": 2}"#,
        #"1{"input": [1, 2, 255], "truncate": true, "options": {}, "keep_alive": "1m"}"#, #"2{"prompt": "a"}"#,
      ].map { Array($0.utf8) }
    },
    run: { bytes in
      guard let first = bytes.first, let body = (try? JSON.parse(bytes.dropFirst()))?.object else { return }
      let (model, options) = (requestModel, first & 8 == 0 ? ServerOptions(modelName: "model") : strictOptions)
      switch first & 3 {
      case 0: _ = try? EmbeddingRequest.openAI(body, model, options)
      case 1: _ = try? EmbeddingRequest.ollama(body, isOlder: false, model, options)
      default: _ = try? EmbeddingRequest.ollama(body, isOlder: true, model, options)
      }
    })

  private static let strictOptions: ServerOptions = {
    var options = ServerOptions(modelName: "model")
    options.refusesUnknownMembers = true
    options.refusesOtherModelNames = true
    return options
  }()

  private static let requestModel: JambaModel = {
    do {
      let path = Scratch.path("request-model.jamba")
      try SyntheticModels.write(to: path, hidden: 32, intermediate: 32, experts: 1)
      return try JambaModel.open(path, options: ModelOptions(threads: 1))
    } catch { fatalError("no model: \(error)") }
  }()
}
