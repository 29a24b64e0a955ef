import Jamba
import JambaSystem
import Synchronization

/// The server's counters, for Prometheus.
final class Metrics: Sendable {
  private struct Histogram {
    let bounds: [Double]
    var counts: [Int]
    var sum = 0.0

    init(_ bounds: [Double]) {
      self.bounds = bounds
      counts = Array(repeating: 0, count: bounds.count + 1)
    }

    mutating func observe(_ value: Double) {
      counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
      sum += value
    }
  }

  /// A route of the server's and a status, of which there are few.
  private struct Outcome: Hashable {
    let route: String
    let status: Int
  }

  private struct State {
    var requests: [Outcome: Int] = [:]
    var passedOver = 0
    var usage = AnswerUsage()
    var answers = 0
    var firstToken = Histogram([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120])
    var gap = Histogram([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5])
  }

  private let state = Mutex(State())

  func countRequest(_ route: String, status: Int) {
    state.withLock { $0.requests[Outcome(route: route, status: status), default: 0] += 1 }
  }

  /// Members of a request that nobody has heeded.
  func countPassedOver(_ count: Int) { state.withLock { $0.passedOver += count } }

  func countTokens(_ usage: AnswerUsage) {
    state.withLock { state in
      state.answers += 1
      state.usage.promptTokens += usage.promptTokens
      state.usage.cachedTokens += usage.cachedTokens
      state.usage.completionTokens += usage.completionTokens
    }
  }

  func observeFirstToken(_ seconds: Double) { state.withLock { $0.firstToken.observe(seconds) } }
  func observeGap(_ seconds: Double) { state.withLock { $0.gap.observe(seconds) } }

  /// The text exposition format, version 0.0.4.
  func text(_ model: JambaModel, _ answers: Answers) -> String {
    let state = state.withLock { $0 }
    var text = ""
    func metric(_ name: String, _ type: String, _ help: String, _ value: Int) {
      text += "# HELP jamba_\(name) \(help)\n# TYPE jamba_\(name) \(type)\njamba_\(name) \(value)\n"
    }
    func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
      text += "# HELP jamba_\(name) \(help)\n# TYPE jamba_\(name) histogram\n"
      var sum = 0
      for (index, count) in histogram.counts.enumerated() {
        sum += count
        let bound = index < histogram.bounds.count ? "\(histogram.bounds[index])" : "+Inf"
        text += "jamba_\(name)_bucket{le=\"\(bound)\"} \(sum)\n"
      }
      text += "jamba_\(name)_sum \(histogram.sum)\njamba_\(name)_count \(sum)\n"
    }
    text += "# HELP jamba_requests_total Requests answered.\n# TYPE jamba_requests_total counter\n"
    for (outcome, count) in state.requests.sorted(by: { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) })
    {
      text += "jamba_requests_total{route=\"\(outcome.route)\",status=\"\(outcome.status)\"} \(count)\n"
    }
    metric("ignored_members_total", "counter", "Members of requests that were passed over.", state.passedOver)
    metric("requests_running", "gauge", "Requests whose answers are being generated.", answers.runningCount)
    metric("requests_waiting", "gauge", "Requests waiting for a session.", answers.waitingCount)
    metric("answers_total", "counter", "Answers generated to their end.", state.answers)
    metric("prompt_tokens_total", "counter", "Tokens of prompts.", state.usage.promptTokens)
    metric("cached_tokens_total", "counter", "Tokens of prompts taken from snapshots.", state.usage.cachedTokens)
    metric("generated_tokens_total", "counter", "Tokens generated.", state.usage.completionTokens)
    let passes = model.passStatistics
    metric("passes_total", "counter", "Passes over the weights.", passes.passes)
    metric("pass_sequences_total", "counter", "Answers in those passes.", passes.sequences)
    metric("pass_tokens_total", "counter", "Tokens in those passes.", passes.tokens)
    histogram("time_to_first_token_seconds", "From a request's arrival to its first token.", state.firstToken)
    histogram("time_between_tokens_seconds", "From a token of an answer to its next.", state.gap)
    if let resident = Metrics.residentByteCount {
      metric("memory_resident_bytes", "gauge", "The resident set.", resident)
    }
    metric("memory_peak_resident_bytes", "gauge", "The largest resident set so far.", Processors.peakResidentByteCount)
    metric("memory_limit_bytes", "gauge", "What the server keeps within.", model.plan.limit.byteCount)
    metric("memory_planned_bytes", "gauge", "The memory plan.", model.plan.byteCount)
    let memory = model.memoryStatistics
    metric("weights_read_bytes_total", "counter", "Weights read from the file after loading.", memory.bytesRead)
    return text
  }

  /// As the kernel counts it; nil where it has no /proc.
  private static var residentByteCount: Int? {
    let key = "VmRSS:"
    let line = FileSystem.systemText(of: "/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix(key) }
    return line?.dropFirst(key.count).split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }.map { $0 << 10 }
  }
}
