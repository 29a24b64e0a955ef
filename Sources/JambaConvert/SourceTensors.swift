import JambaFormat
import JambaSystem

/// The source of every tensor of a model in a checkpoint.
struct SourceTensors {
  private var sources: [TensorID: SourceTensor] = [:]

  /// - Throws: `tensors`, naming all that are missing, left over or misshapen.
  init(_ checkpoint: any Checkpoint) throws(ConversionError) {
    var faults: [String] = []
    var held: [ExactString: CheckpointTensor] = [:]
    for tensor in checkpoint.tensors {
      if held.updateValue(tensor, forKey: ExactString(tensor.name)) != nil {
        faults.append("\(tensor.name) is in two files")
      }
    }
    var used: Set<ExactString> = []
    for specification in ModelTensors(checkpoint.configuration).all {
      let found = checkpoint.places(of: specification).lazy
        .compactMap { place in held[ExactString(place.name)].map { (place, $0) } }.first
      guard let (place, tensor) = found else {
        faults.append("\(specification.name) is missing")
        continue
      }
      let isNew = used.insert(ExactString(tensor.name)).inserted
      if let fault = SourceTensors.fault(of: tensor, in: place) {
        // Experts may share a tensor.
        if isNew { faults.append("\(tensor.name) \(fault)") }
      } else {
        sources[specification.id] = SourceTensor(checkpoint, tensor, place, name: specification.name)
      }
    }
    for name in held.keys.map(\.text).sorted()
    where !used.contains(ExactString(name)) && !checkpoint.isSuperfluous(name) {
      faults.append("\(name) is not part of the model")
    }
    if !faults.isEmpty { throw .tensors(path: checkpoint.path, faults: faults) }
  }

  private static func fault(of tensor: CheckpointTensor, in place: TensorPlace) -> String? {
    tensor.fault ?? (tensor.shape == place.shape ? nil : "has shape \(tensor.shape), expected \(place.shape)")
  }

  /// - Precondition: the tensor is one of the checkpoint's model.
  subscript(id: TensorID) -> SourceTensor {
    guard let source = sources[id] else { preconditionFailure("\(id.name) is no tensor of the model") }
    return source
  }
}
