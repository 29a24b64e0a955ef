import JambaFormat
import JambaSystem

/// A folder with adapter_config.json: of PEFT, or of MLX.
struct AdapterFolder {
  let path: String
  let config: JSON
  private let file: String?

  static let configurationName = "adapter_config.json"
  private static let peftFile = "adapter_model.safetensors"
  private static let mlxFile = "adapters.safetensors"
  /// The usual names of adapters' weights.
  static let fileNames: Set<String> = [peftFile, mlxFile]
  private static let configurationLimit = 64 << 20

  /// - Parameter file: the name of the file with the weights, where it is not the usual.
  init(_ path: String, file: String? = nil) throws(ConversionError) {
    self.path = path
    self.file = file
    let name = path + "/" + AdapterFolder.configurationName
    guard FileSystem.exists(name) else {
      throw .adapter(path: path, reason: "there is no \(AdapterFolder.configurationName)")
    }
    let bytes: [UInt8]
    do { bytes = try FileSystem.contents(of: name, limit: AdapterFolder.configurationLimit) } catch {
      throw .system(path: name, error)
    }
    do { config = try JSON.parse(python: bytes) } catch { throw .damaged(path: name, reason: "\(error)") }
    guard config.object != nil else { throw .damaged(path: name, reason: "it is not an object") }
  }

  static func isOne(_ path: String) -> Bool { FileSystem.exists(path + "/" + configurationName) }

  /// What a folder that holds an adapter alone was made for, by its own words.
  ///
  /// - Returns: nil for what is no such folder.
  static func base(ofCheckpoint path: String) throws(ConversionError) -> (any Checkpoint)? {
    let path = CheckpointLocation.cached(path, holding: configurationName) ?? path
    guard isOne(path), !FileSystem.exists(path + "/" + DocumentName.configuration) else { return nil }
    let name = try AdapterFolder(path).config["base_model_name_or_path"]?.string ?? ""
    do { return try openBase(name) } catch {
      throw .unusable(
        path: path,
        reason: "it is an adapter, and its base is not here (\(error)); give the base, and this folder with --adapter")
    }
  }

  /// The adapter that lies in a checkpoint's folder, which transformers applies to the weights beside it.
  ///
  /// - Parameter others: those that are given. Who gives this one decides on its scale.
  static func own(of checkpoint: any Checkpoint, besides others: [AdapterSource]) throws(ConversionError)
    -> AdapterSource?
  {
    func trimmed(_ path: String) -> Substring {
      var path = path[...]
      while path.count > 1, path.hasSuffix("/") { path.removeLast() }
      return path
    }
    guard isOne(checkpoint.path), !others.contains(where: { trimmed($0.path) == trimmed(checkpoint.path) }) else {
      return nil
    }
    // MLX does not apply what lies beside the weights.
    guard try AdapterFolder(checkpoint.path).config["peft_type"] != nil else {
      throw .unusable(
        path: checkpoint.path,
        reason:
          "\(configurationName) lies beside the weights, but not as transformers has it; move it away, or give the folder "
          + "with --adapter as well")
    }
    guard [peftFile, "adapter_model.bin"].contains(where: { FileSystem.exists(checkpoint.path + "/" + $0) }) else {
      throw .unusable(
        path: checkpoint.path,
        reason: "\(configurationName) says that an adapter belongs to the weights, but there is no \(peftFile); move it away to "
          + "convert the weights without")
    }
    return AdapterSource(path: checkpoint.path)
  }

  func open(_ configuration: ModelConfiguration) throws(ConversionError) -> Adapter {
    let isMLX = config["peft_type"] == nil && (config["fine_tune_type"] != nil || config["lora_parameters"] != nil)
    guard isMLX || config["peft_type"] != nil else {
      throw .adapter(
        path: path,
        reason: "its \(AdapterFolder.configurationName) has neither PEFT's peft_type nor MLX's fine_tune_type")
    }
    // What is refused for its method is, before its weights are asked for.
    let settings = isMLX ? nil : try PEFTConfiguration(config, path: path)
    let name = file ?? (isMLX ? AdapterFolder.mlxFile : AdapterFolder.peftFile)
    guard FileSystem.exists(path + "/" + name) else {
      let other = ["adapter_model.bin", "adapters.npz"].first { FileSystem.exists(path + "/" + $0) }
      throw .adapter(
        path: path,
        reason: other.flatMap { AdapterFolder.conversion(of: path + "/" + $0) } ?? "there is no \(name)")
    }
    let weights = try SafetensorsFile(path: path + "/" + name)
    guard !weights.tensors.isEmpty else { throw .adapter(path: path, reason: "\(name) holds no tensors") }
    let names = TensorNames(configuration) { HuggingFaceFolder.places(of: $0, in: $1) }
    if let settings { return try Adapter.peft(path, settings, weights, names, try origin(weights, settings.kind)) }
    return try Adapter.mlx(path, config, weights, names, try origin(weights, MLXAdapter.kind(config)))
  }

  /// What turns a file that is not read into one that is: a sentence. Pickled files are programs, which are never run.
  static func conversion(of path: String) -> String? {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let (load, end): (String, String)
    if name.hasSuffix(".bin") || name.hasSuffix(".pt") || name.hasSuffix(".pth") {
      load =
        "import torch; from safetensors.torch import save_file; "
        + "save_file(torch.load('\(name)', map_location='cpu', weights_only=True), "
      end = peftFile
    } else if name.hasSuffix(".npz") {
      load = "import numpy; from safetensors.numpy import save_file; save_file(dict(numpy.load('\(name)')), "
      end = mlxFile
    } else {
      return nil
    }
    return "\(name) is not read; convert it with: python -c \"\(load)'\(end)')\""
  }

  private func origin(_ weights: SafetensorsFile, _ kind: String) throws(ConversionError) -> CheckpointOrigin.Adapter {
    CheckpointOrigin.Adapter(
      name: path.split(separator: "/").last.map(String.init) ?? path, kind: kind, byteCount: weights.byteCount,
      checksum: try weights.checksumOfAll(), settingsChecksum: checksum(of: Array(config.text().utf8)))
  }

  /// The file in a folder that makes another tokenizer, or other prompts, than a checkpoint's documents: adapters are often saved
  /// together with what they were trained with.
  static func otherTokenizer(in path: String, than documents: [CheckpointDocument]) -> String? {
    [DocumentName.tokenizer, DocumentName.sentencePiece, DocumentName.chatTemplate].first { name in
      guard let bytes = try? HuggingFaceFolder.contents(of: path + "/" + name) else { return false }
      return bytes != documents.first { $0.name == name }?.bytes
    }
  }
}
