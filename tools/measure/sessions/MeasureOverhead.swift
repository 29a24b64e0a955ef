import ArgumentParser
import CJamba
import Jamba
import JambaC

/// What a token costs through jamba.h beside the loop in Swift: the two take turns, each with a model of its own.
struct Overhead: ParsableCommand {
  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "Tokens a turn.")
  var tokens = 64

  @Option(help: "Turns of each.")
  var rounds = 40

  func run() throws {
    let session = try JambaModel.open(model).makeSession()
    var (handle, text): (OpaquePointer?, OpaquePointer?)
    try check(jamba_model_open(model, nil, nil, &handle))
    try check(jamba_session_create(handle, nil, &text))
    defer {
      jamba_session_free(text)
      jamba_model_free(handle)
    }
    var swift: [Double] = []
    var c: [Double] = []
    for _ in 0..<rounds {
      swift.append(try milliseconds { try generateInSwift(session) }.1)
      c.append(try milliseconds { try generateInC(text) }.1)
    }
    let ratios = zip(c, swift).map { $0 / $1 }.sorted()
    // A busy machine disturbs some turns; the fastest are those that it let alone.
    let (fastSwift, fastC) = (swift.min() ?? 0, c.min() ?? 0)
    print("the fastest turns: a token in Swift", fastSwift / Double(tokens), "ms, in C", fastC / Double(tokens), "ms")
    print("C to Swift: fastest", fastC / fastSwift, "median", ratios[ratios.count / 2])

    // The calls alone, on a session that has nothing to do.
    var count = 0
    let (_, time) = try milliseconds { for _ in 0..<100_000 { try check(jamba_session_tokens(text, nil, 0, &count)) } }
    print("a call that computes nothing", time / 100_000 * 1e6, "ns")
  }

  private func generateInSwift(_ session: Session) throws {
    var sampler = try Sampler(Sampling(temperature: 0.8, seed: 1))
    try session.reset()
    try session.prefill([5])
    for _ in 0..<tokens { try session.prefill([session.sample(with: &sampler)!]) }
  }

  private func generateInC(_ session: OpaquePointer?) throws {
    var sampling = jamba_sampling()
    sampling.struct_size = MemoryLayout<jamba_sampling>.size
    sampling.temperature = 0.8
    sampling.seed = 1
    var sampler: OpaquePointer?
    try check(jamba_sampler_create(&sampling, &sampler))
    defer { jamba_sampler_free(sampler) }
    try check(jamba_session_reset(session))
    try check(jamba_prefill(session, [5], 1, nil))
    for _ in 0..<tokens {
      var token: Int32 = 0
      try check(jamba_sample(sampler, session, &token))
      try check(jamba_step(session, token))
    }
  }

  private func check(_ status: jamba_status) throws {
    guard status == JAMBA_OK else { throw ValidationError(String(cString: jamba_last_error())) }
  }
}
