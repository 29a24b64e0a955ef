/// Where a model's numbers ended: behind it there are infinities, and what is no number.
public struct NumberFault: Sendable, Equatable, CustomStringConvertible {
  /// A part of a layer, or of the model.
  public enum Part: String, Sendable {
    case embedding, mamba = "Mamba mixer", attention, feedForward = "feed-forward part", experts, head
  }

  public let part: Part
  /// nil for what belongs to none.
  public let layer: Int?

  public var description: String {
    let place = layer.map { "layer \($0)'s \(part.rawValue)" } ?? "the \(part.rawValue)"
    return "\(place) gave what is not a number: its weights are damaged or do not belong together, or the text went beyond what float32 holds"
      + " (jamba verify compares a file with its checkpoint)"
  }
}
