import JambaSystem

/// Why a .jamba file cannot be read or written.
public enum FormatError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operating system refused; `action` is what was being done ("open", "write", …).
  case system(action: String, path: String, SystemError)
  /// The file is no .jamba file at all.
  case notJamba(path: String)
  /// Of a version that is not read: a newer one, or 2.
  case unsupportedVersion(path: String, version: UInt32)
  /// The bytes contradict themselves or their checksums.
  case damaged(path: String, reason: String)
  /// The file is sound, but its content does not make a model: a tensor is missing or has the wrong shape.
  case invalidModel(path: String, reason: String)
  /// An unfinished conversion in the way of `--resume` belongs to other input or other options.
  case cannotResume(path: String, reason: String)

  /// The file is no saved session at all.
  case notSession(path: String)
  /// A saved session whose bytes contradict themselves or their checksums.
  case damagedSession(path: String, reason: String)

  /// The file is no adapter that can be run.
  case notAdapter(path: String)
  /// An adapter's file is sound, but its content makes no adapter.
  case damagedAdapter(path: String, reason: String)
  /// An adapter of another model.
  case foreignAdapter(path: String, reason: String)

  public var description: String {
    switch self {
    case .system(let action, let path, let error): "cannot \(action) \(path): \(error)"
    case .notJamba(let path):
      "\(path) is not a .jamba file; convert a Hugging Face checkpoint with: jamba convert CHECKPOINT OUT.jamba"
    case .unsupportedVersion(let path, let version):
      "\(path) has format version \(version), this program reads \(FileHeader.versions.sorted().map(String.init).joined(separator: " and ")); update it or convert the model again"
    case .damaged(let path, let reason): "\(path) is damaged (\(reason)); copy or convert it again"
    case .invalidModel(let path, let reason): "\(path) does not hold a usable model: \(reason)"
    case .cannotResume(let path, let reason):
      "cannot continue \(path): \(reason); remove it, or convert without --resume"
    case .notSession(let path): "\(path) is not a saved session"
    case .damagedSession(let path, let reason): "\(path) is a damaged session (\(reason)); it cannot be restored"
    case .notAdapter(let path):
      "\(path) is not a .jadapter file; make one of a PEFT, MLX or GGUF adapter with: jamba adapter ADAPTER OUT.jadapter --base MODEL.jamba"
    case .damagedAdapter(let path, let reason): "\(path) is no usable adapter: \(reason)"
    case .foreignAdapter(let path, let reason): "\(path) does not go with this model: \(reason)"
    }
  }
}
