/// How a generation goes on: the sampler's state after the last draw, and the token drawn, which the text does not have
/// yet.
struct Continuation {
  var sampler: SamplerState
  var token: Int32
}
