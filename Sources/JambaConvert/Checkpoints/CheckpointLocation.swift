import JambaFormat
import JambaSystem

/// Where a checkpoint lies that a user named: a folder, one above it, or a name in the local Hugging Face cache.
struct CheckpointLocation {
  let path: String
  /// What was found for what was named.
  private(set) var notes: [String] = []

  /// - Throws: `unusable`, saying what to name instead, or how to fetch it.
  init(_ given: String) throws(ConversionError) {
    if FileSystem.isDirectory(given) {
      path = try CheckpointLocation.folder(in: given)
    } else if !FileSystem.exists(given), let name = CheckpointLocation.cacheName(of: given) {
      let cache = CheckpointLocation.hubCache
      guard let cache, FileSystem.isDirectory(cache + "/" + name) else {
        throw .unusable(
          path: given,
          reason:
            "it is not a folder, and the Hugging Face cache (\(cache ?? "which has no place here")) has no model of this "
            + "name; fetch it with: hf download \(given)")
      }
      path = try CheckpointLocation.folder(in: cache + "/" + name)
    } else {
      throw .unusable(path: given, reason: "it is not a folder with a Hugging Face checkpoint, nor a GGUF file")
    }
    if path != given { notes.append("\(path) is converted") }
  }

  /// The folder that holds the configuration: this one, the snapshot that the cache's folder of a model refers to, or the
  /// only one below.
  private static func folder(in given: String) throws(ConversionError) -> String {
    if isCheckpoint(given) { return given }
    if let snapshot = snapshot(in: given) { return snapshot }
    let below = checkpoints(in: given)
    if below.count == 1 { return given + "/" + below[0] }
    guard below.isEmpty else {
      throw .unusable(path: given, reason: "it holds several checkpoints, of which one has to be named: \(list(below))")
    }
    let isCache = FileSystem.isDirectory(given + "/snapshots")
    throw .unusable(
      path: given, reason: isCache ? "none of its snapshots has a config.json" : "there is no config.json")
  }

  private static func isCheckpoint(_ folder: String) -> Bool {
    FileSystem.exists(folder + "/" + DocumentName.configuration)
  }

  /// The folder that the cache has of a name, where it holds a file of another kind than checkpoints do.
  static func cached(_ given: String, holding name: String) -> String? {
    guard !FileSystem.exists(given), let model = cacheName(of: given), let cache = hubCache else { return nil }
    return snapshot(in: cache + "/" + model, holding: name)
  }

  private static func snapshot(in folder: String, holding name: String = DocumentName.configuration) -> String? {
    func isOne(_ folder: String) -> Bool { FileSystem.exists(folder + "/" + name) }
    let snapshots = folder + "/snapshots"
    guard FileSystem.isDirectory(snapshots) else { return nil }
    if let bytes = try? FileSystem.contents(of: folder + "/refs/main", limit: 256) {
      let hash = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
      // A name from a file never leads out of its folder.
      if !hash.isEmpty, !hash.contains("/"), hash != "..", hash != ".", isOne(snapshots + "/" + hash) {
        return snapshots + "/" + hash
      }
    }
    let all = FileSystem.names(in: snapshots).filter { isOne(snapshots + "/" + $0) }
    return all.count == 1 ? snapshots + "/" + all[0] : nil
  }

  /// Checkpoints right below a folder, and snapshots of models right below the cache's.
  private static func checkpoints(in folder: String) -> [String] {
    let names = FileSystem.names(in: folder)
    if FileSystem.isDirectory(folder + "/snapshots") {
      return FileSystem.names(in: folder + "/snapshots").filter { isCheckpoint(folder + "/snapshots/" + $0) }
        .map { "snapshots/" + $0 }
    }
    return names.compactMap { name in
      let path = folder + "/" + name
      if isCheckpoint(path) { return name }
      return snapshot(in: path).map { String($0.dropFirst(folder.count + 1)) }
    }
  }

  /// What to add to a sentence that says that a folder has no weights: those below that have some.
  static func hint(_ folder: String) -> String {
    if AdapterFolder.isOne(folder) { return "; it holds an adapter: give its base, and this folder with --adapter" }
    let below = FileSystem.names(in: folder).filter { name in
      ["model.safetensors", "model.safetensors.index.json"].contains {
        FileSystem.exists(folder + "/" + name + "/" + $0)
      }
    }
    return below.isEmpty ? "" : "; there are weights in \(list(below))"
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
  }

  /// The cache's folder for a model's name, "ORG/NAME"; nil for what is none.
  private static func cacheName(of given: String) -> String? {
    let parts = given.split(separator: "/", omittingEmptySubsequences: false)
    let isName =
      parts.count == 2
      && parts.allSatisfy { part in
        !part.isEmpty && part.first != "." && part.first != "-"
          && part.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains($0))
          }
      }
    return isName ? "models--" + parts.joined(separator: "--") : nil
  }

  /// Where huggingface_hub keeps what it fetches.
  private static var hubCache: String? {
    func path(_ variable: String, _ end: String = "") -> String? {
      FileSystem.environment(variable).map { value in
        (value.hasPrefix("~/") ? (FileSystem.environment("HOME") ?? "~") + value.dropFirst() : value) + end
      }
    }
    return path("HF_HUB_CACHE") ?? path("HUGGINGFACE_HUB_CACHE") ?? path("HF_HOME", "/hub")
      ?? path("XDG_CACHE_HOME", "/huggingface/hub") ?? path("HOME", "/.cache/huggingface/hub")
  }
}
