import ArgumentParser
import Jamba
import JambaFormat
import JambaSystem

struct Logits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes the logits after every token of a sequence, as float32, to a safetensors file.")

  @Argument(help: "A .jamba file.")
  var model: String

  @Option(help: "The token ids, such as 1,2,3.")
  var tokens: String?

  @Option(help: "A file with the token ids.")
  var tokensFile: String?

  @Option(help: "The safetensors file to write: \"logits\" [tokens, vocab].")
  var output: String

  @OptionGroup var chunkOption: ChunkOption
  @OptionGroup var attention: AttentionOptions
  @OptionGroup var adapters: RuntimeAdapterOptions
  @OptionGroup var loading: LoadingOptions

  func validate() throws {
    guard (tokens == nil) != (tokensFile == nil) else { throw ValidationError("Give either --tokens or --tokens-file.") }
  }

  func run() throws {
    let ids = try tokenIDs(try tokens ?? String(decoding: contents(of: tokensFile!), as: UTF8.self))
    guard !ids.isEmpty else { throw CommandFailure("there are no tokens") }
    var options = attention.sessionOptions(chunk: chunkOption.chunk)
    let model = try loading.open(self.model, context: ids.count, sessions: options, adapters: adapters.paths)
    options.adapters = try adapters.load(model)
    let session = try model.makeSession(options: options)
    let vocabulary = model.configuration.vocabSize

    var header = SafetensorsHeader()
    header.add("logits", type: "F32", shape: [ids.count, vocabulary])
    let start = header.encoded

    var file: AtomicFile
    do { file = try AtomicFile(output) } catch {
      throw FormatError.system(action: "create", path: AtomicFile.temporaryPath(for: output), error)
    }
    var failure: SystemError?
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ file: borrowing FileDescriptor) {
      guard failure == nil else { return }
      do throws(SystemError) { try file.write(bytes, at: offset) } catch { failure = error }
    }
    start.withUnsafeBytes { write($0, at: 0, file.file) }
    try session.append(ids) { index, row in
      row.withUnsafeBytes { write($0, at: start.count + index * vocabulary * 4, file.file) }
    }
    do throws(SystemError) {
      if let failure { throw failure }
      try file.commit(durable: false)
    } catch { throw FormatError.system(action: "write", path: output, error) }
  }
}
