import JambaFormat
import JambaSystem

/// The names that tensors of a model may have in a format, and what is there.
struct TensorNames: Sendable {
  /// A tensor of the model, and where it is in the one of that name: alone, or as a part.
  typealias Content = (id: TensorID, place: TensorPlace)

  private var contents: [ExactString: [Content]] = [:]

  /// - Parameter places: where the format may have a tensor of such a model.
  init(_ configuration: ModelConfiguration, places: (TensorSpecification, ModelConfiguration) -> [TensorPlace]) {
    // With a head that is a tensor of its own, under a name of its own.
    var configuration = configuration
    configuration.tieWordEmbeddings = false
    for specification in ModelTensors(configuration).all {
      for place in places(specification, configuration) {
        contents[ExactString(place.name), default: []].append((specification.id, place))
      }
    }
  }

  subscript(name: String) -> [Content]? { contents[ExactString(name)] }

  /// What wraps of models put before all names.
  private static let prefixes = ["base_model.model.", "base_model.", "module.", "_orig_mod.", "_fsdp_wrapped_module."]

  /// A name without those wraps' prefixes that hide one which is known; nil when none is.
  func known(_ name: String) -> String? {
    var name = name
    while self[name] == nil {
      guard let prefix = TensorNames.prefixes.first(where: { name.hasPrefix($0) }) else { return nil }
      name = String(name.dropFirst(prefix.count))
    }
    return name
  }
}
