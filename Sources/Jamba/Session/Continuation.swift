import JambaSystem

/// How a generation goes on: the generator after the last draw, and the token drawn, which the text does not have yet.
struct Continuation {
  var generator: SplitMix64
  var token: Int32
}
