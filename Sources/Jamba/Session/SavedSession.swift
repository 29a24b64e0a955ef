import JambaFormat
import JambaSystem

/// A session as it is in a file.
struct SavedSession {
  let snapshot: Snapshot
  let continuation: Continuation?
  let note: [UInt8]

  static let noteLimit = 64 << 20
  /// Two months of ten tokens a second.
  private static let tokenLimit = 1 << 26

  init(_ snapshot: Snapshot, _ continuation: Continuation?, _ note: [UInt8]) {
    self.snapshot = snapshot
    self.continuation = continuation
    self.note = note
  }

  /// The sizes that a file states, in its order.
  private struct Sizes: Equatable {
    var tokens: Int
    var logits: Int
    var note: Int
    var recurrent: Int
    var layers: Int
    var pagesPerLayer: Int
    var page: Int

    var contents: Int { 4 * (tokens + logits) + note + recurrent + layers * pagesPerLayer * page }
  }

  // MARK: Writing

  func write(to path: String, _ model: LoadedModel) throws(JambaError) {
    let (tokens, logits) = (snapshot.tokens, snapshot.logits)
    let pages = unsafe snapshot.pages.joined().map { unsafe UnsafeRawBufferPointer($0.bytes) }
    let sizes = Sizes(
      tokens: tokens.count, logits: logits?.count ?? 0, note: note.count,
      recurrent: snapshot.recurrent.byteCount, layers: snapshot.pages.count,
      pagesPerLayer: snapshot.pages.first?.count ?? 0, page: snapshot.pages.first?.first?.byteCount ?? 0)
    let head: AlignedBuffer
    do { head = try AlignedBuffer(byteCount: 4 * (sizes.tokens + sizes.logits) + sizes.note) } catch {
      throw .outOfMemory(byteCount: 4 * (sizes.tokens + sizes.logits) + sizes.note)
    }
    var position = 0
    func put(_ bytes: UnsafeRawBufferPointer) {
      unsafe head.bytes[position..<position + bytes.count].copyBytes(from: bytes)
      position += bytes.count
    }
    unsafe tokens.withUnsafeBytes { unsafe put($0) }
    unsafe logits?.withUnsafeBytes { unsafe put($0) }
    unsafe note.withUnsafeBytes { unsafe put($0) }
    let parts = unsafe [UnsafeRawBufferPointer(head.bytes), UnsafeRawBufferPointer(snapshot.recurrent.bytes)] + pages
    do {
      try unsafe SessionFile.write(
        to: path, description: description(sizes, model), contents: parts, parallel: model.engine.forEach)
    } catch { throw .format(error) }
  }

  private func description(_ sizes: Sizes, _ model: LoadedModel) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt64(model.file.byteCount))
    writer.write(model.file.directoryChecksum)
    writer.write(CachedPages(snapshot.layout.type).number)
    writer.write(UInt64(snapshot.layout.window ?? 0))
    writer.write(UInt64(snapshot.layout.sinks))
    for size in [
      sizes.tokens, sizes.logits, sizes.note, sizes.recurrent, sizes.layers, sizes.pagesPerLayer, sizes.page,
    ] { writer.write(UInt64(size)) }
    writer.write(UInt32(continuation == nil ? 0 : 1))
    writer.write(continuation?.token ?? 0)
    writer.write(continuation?.sampler.generator.state ?? 0)
    writer.write((continuation?.sampler.mirostatMu ?? .nan).bitPattern)
    // Sessions without adapters end here.
    for applied in snapshot.adapters {
      writer.write(UInt64(applied.adapter.byteCount))
      writer.write(applied.adapter.checksum)
      writer.write(applied.scale)
    }
    return writer.bytes
  }

  // MARK: Reading

  /// - Parameter adapters: those that it shall go on with.
  init(_ path: String, _ model: LoadedModel, chunk: Int, adapters: AdapterStack) throws(JambaError) {
    func damaged(_ reason: String) -> JambaError { .format(.damagedSession(path: path, reason: reason)) }
    let engine = model.engine
    let file: SessionFileReader
    do { file = try SessionFileReader(path: path, parallel: { engine.forEach($0, $1) }) } catch { throw .format(error) }

    var reader = ByteReader(file.description[...])
    guard let modelSize = reader.readSize(), let modelChecksum = reader.read(UInt32.self) else {
      throw damaged("its description is cut short")
    }
    guard modelSize == model.file.byteCount, modelChecksum == model.file.directoryChecksum else {
      throw .foreignSession(path: path)
    }
    guard let typeNumber = reader.read(UInt32.self), let window = reader.readSize(), let sinks = reader.readSize(),
      let tokenCount = reader.readSize(), let logitCount = reader.readSize(), let noteCount = reader.readSize(),
      let recurrent = reader.readSize(), let layers = reader.readSize(), let pages = reader.readSize(),
      let page = reader.readSize(), let continues = reader.read(UInt32.self), let token = reader.read(Int32.self),
      let generator = reader.read(UInt64.self)
    else { throw damaged("its description makes no sense") }
    // Version 1 knew no mirostat.
    let mirostatMu = file.version == 1 ? .nan : reader.read(UInt64.self).map { Double(bitPattern: $0) }
    var saved: [AdapterStack.Identity] = []
    while reader.remaining > 0, let byteCount = reader.readSize(), let checksum = reader.read(UInt32.self),
      let scale = reader.read(UInt32.self)
    {
      saved.append(.init(adapter: .init(byteCount: byteCount, checksum: checksum), scale: scale))
    }
    guard let mirostatMu, !mirostatMu.isInfinite, reader.remaining == 0 else {
      throw damaged("its description makes no sense")
    }
    guard saved == adapters.identity else { throw .foreignAdapters(path: path, saved: saved.count, given: adapters.identity.count) }
    guard let cached = CachedPages(number: typeNumber), cached.type.takes(headSize: model.configuration.headDim), sinks == 0 || window > 0
    else {
      throw damaged("its keys and values are of no known type")
    }
    let type = cached.type
    // The chunk is the caller's, who has checked it.
    let kept = SessionOptions(window: window == 0 ? nil : window, sinks: sinks)
    do { try kept.validate() } catch { throw damaged("\(error)") }
    let layout = KeyValueLayout(type: type, window: kept.window, sinks: sinks, chunk: chunk)
    let c = model.configuration
    let sizes = Sizes(
      tokens: tokenCount, logits: logitCount, note: noteCount, recurrent: recurrent, layers: layers,
      pagesPerLayer: pages, page: page)
    guard tokenCount <= SavedSession.tokenLimit, noteCount <= SavedSession.noteLimit else {
      throw damaged("it holds an absurd size")
    }
    let expected = Sizes(
      tokens: tokenCount, logits: logitCount == 0 ? 0 : c.vocabSize, note: noteCount,
      recurrent: SequenceState.recurrentByteCount(c), layers: c.layers(with: .attention).count,
      pagesPerLayer: c.layers(with: .attention).isEmpty ? 0 : layout.visiblePages(after: tokenCount).count,
      page: c.layers(with: .attention).isEmpty || tokenCount == 0 ? page : cached.pageByteCount(c))
    guard sizes == expected, page <= KeyValueCache.pageByteCount(c, .f32), sizes.contents == file.contentsByteCount,
      continues <= 1, 0..<c.vocabSize ~= Int(token)
    else { throw damaged("its parts have the wrong sizes") }

    let tokens: [Int32]
    let logits: [Float]
    do throws(FormatError) {
      tokens = try SavedSession.numbers(file.read(4 * tokenCount)).map { Int32(bitPattern: $0) }
      logits = try SavedSession.numbers(file.read(4 * logitCount)).map { Float(bitPattern: $0) }
      note = try file.read(noteCount)
    } catch { throw .format(error) }
    guard tokens.allSatisfy({ 0..<c.vocabSize ~= Int($0) }) else { throw damaged("a token is not in the vocabulary") }
    let memory = model.memory
    let state = try SavedSession.buffer(recurrent, file, memory, context: tokenCount)
    var layerPages: [[StateBuffer]] = []
    for _ in 0..<layers {
      var row: [StateBuffer] = []
      for _ in 0..<pages {
        let stored = try SavedSession.buffer(page, file, memory, context: tokenCount)
        row.append(try cached.current(stored, c, memory, context: tokenCount))
      }
      layerPages.append(row)
    }
    snapshot = try Snapshot(
      text: TokenText().extended(to: tokens, memory), layout: layout, adapters: saved, recurrent: state, pages: layerPages,
      logits: logits.isEmpty ? nil : logits, memory
    )
    let sampler = SamplerState(
      generator: SplitMix64(state: generator), mirostatMu: mirostatMu.isNaN ? nil : mirostatMu)
    continuation = continues == 1 ? Continuation(sampler: sampler, token: token) : nil
  }

  private static func numbers(_ bytes: [UInt8]) -> [UInt32] {
    unsafe bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map {
        unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
      }
    }
  }

  private static func buffer(
    _ byteCount: Int, _ file: SessionFileReader, _ memory: SessionMemory, context: Int
  ) throws(JambaError) -> StateBuffer {
    let buffer = try memory.makeBuffer(byteCount: byteCount, context: context)
    do { try unsafe file.read(into: buffer.bytes) } catch { throw .format(error) }
    return buffer
  }
}
