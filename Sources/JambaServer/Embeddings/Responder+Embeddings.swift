import Hummingbird
import Jamba
import JambaSystem

extension Responder {
  /// Embeddings, in the words of the place that was asked.
  func embed(_ body: JSONObject, _ route: Route, _ connection: Connection) async throws -> Response {
    let start = monotonicSeconds()
    let request =
      route == .embeddings
      ? try EmbeddingRequest.openAI(body, model, options)
      : try EmbeddingRequest.ollama(body, isOlder: route == .ollamaEmbeddings, model, options)
    note(request.passedOver)
    let (vectors, usage) = try await vectors(request, connection)
    switch route {
    case .embeddings:
      let data = vectors.enumerated().map { place, vector in
        let text = request.isBase64 ? "\"\(Base64.text(littleEndian: vector))\"" : Responder.list(vector)
        return "{\"object\":\"embedding\",\"index\":\(place),\"embedding\":\(text)}"
      }
      let usage: JSON = .object([
        "prompt_tokens": .integer(usage.promptTokens), "total_tokens": .integer(usage.promptTokens),
      ])
      return Responder.response(
        text: "{\"object\":\"list\",\"data\":[\(data.joined(separator: ","))],\"model\":"
          + "\(JSON.string(options.modelName(with: request.adapter)).text()),\"usage\":\(usage.text())}")
    case .ollamaEmbed:
      let nanoseconds = Int((monotonicSeconds() - start) * 1e9)
      return Responder.response(
        text: "{\"model\":\(JSON.string(options.modelName(with: request.adapter)).text()),\"embeddings\":"
          + "[\(vectors.map(Responder.list).joined(separator: ","))],\"total_duration\":\(nanoseconds),"
          + "\"load_duration\":0,\"prompt_eval_count\":\(usage.promptTokens)}")
    default: return Responder.response(text: "{\"embedding\":\(vectors.first.map(Responder.list) ?? "[]")}")
    }
  }

  private func vectors(
    _ request: EmbeddingRequest, _ connection: Connection
  ) async throws -> ([[Float]], AnswerUsage) {
    guard !request.inputs.isEmpty else { return ([], AnswerUsage()) }
    var vectors = [[Float]](repeating: [], count: request.inputs.count)
    return try await work(Job(request), connection) { events, _ in
      while let event = await events.next() {
        switch event {
        case .embedded(let vector, let place): vectors[place] = vector
        case .ended(let usage):
          connections.end(on: connection)
          connection.record.end(usage)
          return (vectors, usage)
        case .failed(let failure): throw failure
        default: break
        }
      }
      throw Failure.stopping
    }
  }

  /// As JSON: a tree of it would take many times the text's bytes.
  private static func list(_ vector: [Float]) -> String {
    "[" + vector.map { "\($0)" }.joined(separator: ",") + "]"
  }
}
