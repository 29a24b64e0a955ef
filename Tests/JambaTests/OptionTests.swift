import Jamba
import TestSupport
import Testing

/// Options are checked by their types, and sessions take what they do not say from those of the model.
struct OptionTests {
  @Test func valuesAreChecked() throws {
    func refused(_ options: SessionOptions, _ sentence: String) {
      #expect { try options.validate() } throws: { "\($0)" == sentence }
      #expect { try ModelOptions(sessionDefaults: options).validate() } throws: { "\($0)" == sentence }
    }
    refused(SessionOptions(chunk: 0), "the chunk is 0 tokens, which is not within 1...8192")
    refused(SessionOptions(chunk: 8193), "the chunk is 8193 tokens, which is not within 1...8192")
    refused(SessionOptions(window: 0), "the window is 0 tokens, which is not within 1...1073741824")
    refused(SessionOptions(sinks: -1), "the number of sinks is -1, which is negative")
    refused(
      SessionOptions(window: 4, sinks: 4),
      "4 sinks and a window of 4 tokens: the window must be larger than the sinks")
    refused(
      SessionOptions(snapshotInterval: 0), "the interval of snapshots is 0 tokens, which is not positive")
    refused(SessionOptions(draft: 65), "the draft is 65 tokens, which is not within 0...64")
    func refused(_ options: ModelOptions, _ sentence: String) {
      #expect { try options.validate() } throws: { "\($0)" == sentence }
      #expect { _ = try JambaModel.open("/nowhere", options: options) } throws: { "\($0)" == sentence }
    }
    refused(ModelOptions(threads: 0), "the number of threads is 0, which is not within 1...1024")
    refused(ModelOptions(sessions: 1025), "the number of sessions is 1025, which is not within 1...1024")
    refused(ModelOptions(context: 0), "the context is 0 tokens, which is not positive")
    refused(ModelOptions(snapshotByteCount: -1), "the memory for snapshots is -1 bytes, which is negative")
  }

  @Test func sessionsAreCheckedWhereTheyBegin() throws {
    let folder = try TemporaryFolder()
    try SyntheticModels.write(to: folder.file("model.jamba"), hidden: 32, intermediate: 32, experts: 1)
    let model = try JambaModel.open(folder.file("model.jamba"))
    #expect(throws: JambaError.self) { _ = try model.makeSession(options: SessionOptions(chunk: 0)) }
    try model.makeSession().save(to: folder.file("session"))
    #expect(throws: JambaError.self) {
      _ = try model.makeSession(restoring: folder.file("session"), options: SessionOptions(chunk: 0))
    }
    #expect {
      _ = try JambaModel.plan(folder.file("model.jamba"), options: ModelOptions(context: 4097))
    } throws: { "\($0)" == "the context is 4097 tokens, which is not within 1...4096" }
    _ = try JambaModel.plan(folder.file("model.jamba"), options: ModelOptions(context: 4097, window: 64))
  }

  @Test func forwardsAreTheDefaultsOfSessions() {
    var options = ModelOptions(chunk: 8, window: 100, sinks: 2, cacheType: .f16, draft: 3)
    #expect(options.sessionDefaults.chunk == 8 && options.sessionDefaults.window == 100)
    #expect(options.sessionDefaults.sinks == 2 && options.sessionDefaults.cacheType == .f16)
    #expect(options.sessionDefaults.draft == 3)
    (options.chunk, options.window, options.sinks, options.cacheType, options.draft) = (9, nil, 0, .int8, 4)
    #expect(options.sessionDefaults.chunk == 9 && options.sessionDefaults.window == nil)
    #expect(options.sessionDefaults.sinks == 0 && options.sessionDefaults.cacheType == .int8)
    #expect(options.sessionDefaults.draft == 4)
    #expect(ModelOptions().draft == 0 && ModelOptions().chunk == 256)
  }
}
