import JambaFormat
import JambaSystem

/// A checkpoint folder in Hugging Face layout.
struct Checkpoint {
  let path: String
  let configuration: ModelConfiguration
  let documents: [(name: String, bytes: [UInt8])]
  let files: [SafetensorsFile]

  private static let documentLimit = 256 << 20

  init(path: String) throws(ConversionError) {
    self.path = path
    guard FileSystem.isDirectory(path) else {
      throw .unusable(path: path, reason: "it is not a folder with a Hugging Face checkpoint")
    }
    var documents: [(name: String, bytes: [UInt8])] = []
    for name in [
      DocumentName.configuration, DocumentName.generationConfiguration, DocumentName.tokenizer,
      DocumentName.tokenizerConfiguration, DocumentName.chatTemplate,
    ] {
      if let bytes = try Checkpoint.document(path + "/" + name) { documents.append((name, bytes)) }
    }
    func json(_ name: String) throws(ConversionError) -> JSON? {
      guard let document = documents.first(where: { $0.name == name }) else { return nil }
      do { return try JSON.parse(document.bytes) } catch {
        throw .damaged(path: path + "/" + name, reason: "\(error)")
      }
    }
    guard let config = try json(DocumentName.configuration) else {
      throw .unusable(path: path, reason: "there is no config.json")
    }
    let generation = try json(DocumentName.generationConfiguration)
    do { configuration = try ModelConfiguration(config, generation: generation) } catch {
      throw .configuration(path: path, error)
    }
    _ = try json(DocumentName.tokenizer)
    if let settings = try json(DocumentName.tokenizerConfiguration),
      !documents.contains(where: { $0.name == DocumentName.chatTemplate }),
      let template = Checkpoint.template(in: settings)
    {
      documents.append((DocumentName.chatTemplate, Array(template.utf8)))
    }
    self.documents = documents
    files = try Checkpoint.weightFiles(path)
  }

  /// tokenizer_config.json holds one template, or a list of named ones.
  private static func template(in settings: JSON) -> String? {
    switch settings["chat_template"] {
    case .string(let template): template
    case .array(let named): named.first { $0["name"]?.string == "default" }?["template"]?.string
    default: nil
    }
  }

  private static func document(_ path: String) throws(ConversionError) -> [UInt8]? {
    guard FileSystem.exists(path) else { return nil }
    do { return try FileSystem.contents(of: path, limit: documentLimit) } catch { throw .system(path: path, error) }
  }

  private static func weightFiles(_ path: String) throws(ConversionError) -> [SafetensorsFile] {
    let index = path + "/model.safetensors.index.json"
    guard let bytes = try document(index) else {
      let single = path + "/model.safetensors"
      guard FileSystem.exists(single) else {
        let other = FileSystem.exists(path + "/pytorch_model.bin") || FileSystem.exists(path + "/pytorch_model.bin.index.json")
        throw .unusable(
          path: path,
          reason: other
            ? "its weights are in pytorch_model.bin; save them as safetensors first"
            : "there is neither model.safetensors nor model.safetensors.index.json")
      }
      return [try SafetensorsFile(path: single)]
    }
    let json: JSON
    do { json = try JSON.parse(bytes) } catch { throw .damaged(path: index, reason: "\(error)") }
    guard let map = json["weight_map"]?.object else { throw .damaged(path: index, reason: "there is no weight_map") }
    var names: [String] = []
    for (tensor, value) in map.members {
      // A name from a file never leads out of its folder.
      guard let name = value.string, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")), name != ".." else {
        throw .damaged(path: index, reason: "the file of \(tensor) makes no sense")
      }
      if !names.contains(name) { names.append(name) }
    }
    var files: [SafetensorsFile] = []
    for name in names.sorted() {
      guard FileSystem.exists(path + "/" + name) else {
        throw .unusable(path: path, reason: "the shard \(name) is missing")
      }
      files.append(try SafetensorsFile(path: path + "/" + name))
    }
    return files
  }
}
