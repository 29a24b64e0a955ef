public import JambaFormat
public import JambaSystem

/// Why a checkpoint cannot be converted, or a conversion not verified.
public enum ConversionError: Error, Sendable, CustomStringConvertible {
  case format(FormatError)
  case configuration(path: String, ConfigurationError)
  /// The system refused to read a file of the checkpoint.
  case system(path: String, SystemError)
  /// A file of the checkpoint contradicts itself.
  case damaged(path: String, reason: String)
  /// The folder lacks something, or holds something that cannot be converted; a sentence.
  case unusable(path: String, reason: String)
  /// A model cannot be written in another program's format; a sentence.
  case notExportable(path: String, reason: String)
  /// What was given as a tokenizer is none; a sentence.
  case noTokenizer(path: String, reason: String)
  /// What was given as an adapter is none, or cannot be merged; a sentence.
  case adapter(path: String, reason: String)
  /// What was given as an adapter can be merged, but not run beside a model; a sentence.
  case notRunnable(path: String, reason: String)
  /// Tensors that are missing, left over, or of the wrong shape.
  case tensors(path: String, faults: [String])
  case notFinite(tensor: String)
  case outOfMemory
  case cancelled

  public var description: String {
    switch self {
    case .format(let error): return error.description
    case .configuration(let path, let error): return "\(path) cannot be converted: \(error)"
    case .system(let path, let error): return "cannot read \(path): \(error)"
    case .damaged(let path, let reason): return "\(path) is damaged (\(reason)); download it again"
    case .unusable(let path, let reason): return "\(path) cannot be converted: \(reason)"
    case .notExportable(let path, let reason): return "\(path) cannot be exported: \(reason)"
    case .noTokenizer(let path, let reason): return "\(path) is no tokenizer: \(reason)"
    case .adapter(let path, let reason): return "the adapter \(path) cannot be used: \(reason)"
    case .notRunnable(let path, let reason):
      return "the adapter \(path) cannot be run beside a model: \(reason); merge it with jamba convert --adapter"
    case .tensors(let path, let faults):
      let shown = faults.prefix(8).joined(separator: "; ")
      let more = faults.count > 8 ? "; and \(faults.count - 8) more" : ""
      return "the tensors in \(path) do not fit its configuration: \(shown)\(more)"
    case .notFinite(let tensor): return "\(tensor) holds an infinity or a not-a-number; the checkpoint is unusable"
    case .outOfMemory: return "not enough memory for the conversion's buffers"
    case .cancelled: return "cancelled"
    }
  }
}
