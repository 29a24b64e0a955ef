#if GUIDED
  import Foundation
  import FuzzTargets

  /// Has libFuzzer run a target: it keeps inputs that reach something new, and changes those. It ends the process at the first
  /// crash or hang, and writes the input to the folder.
  struct Guide {
    private let target: FuzzTarget
    private let output: String

    // What the callback of C, which captures nothing, runs.
    nonisolated(unsafe) private static var current: Guide!

    private typealias Callback = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

    // libFuzzer's, which has no header of its own.
    @_silgen_name("LLVMFuzzerRunDriver")
    private static func runDriver(
      _ count: UnsafeMutablePointer<CInt>,
      _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
      _ callback: Callback
    ) -> CInt

    init(_ target: FuzzTarget, output: String) {
      self.target = target
      self.output = output
    }

    /// Begins with the target's seeds and what earlier runs have kept in `output`/NAME.corpus.
    func run(_ amount: Amount, seed: UInt64) throws -> Int32 {
      let corpus = "\(output)/\(target.name).corpus"
      try FileManager.default.createDirectory(atPath: corpus, withIntermediateDirectories: true)
      let seeds = try target.seeds()
      for (index, bytes) in seeds.enumerated() {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(corpus)/seed-\(index)"))
      }
      let dictionary = "\(output)/\(target.name).dictionary"
      let words = target.dictionary.map { word in
        "\"" + word.utf8.map { "\\x" + String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined() + "\"\n"
      }
      // libFuzzer takes no dictionary without a word.
      if !words.isEmpty { try Data(words.joined().utf8).write(to: URL(fileURLWithPath: dictionary)) }
      var arguments = [
        CommandLine.arguments[0], "-artifact_prefix=\(output)/\(target.name)-",
        // What is longer would be cut, and a seed with it.
        "-max_len=\(max(64 << 10, (seeds.map(\.count).max() ?? 0) + 1024))",
        "-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1", "-seed=\(seed)", "-reload=0", "-detect_leaks=0",
      ]
      if !words.isEmpty { arguments.append("-dict=\(dictionary)") }
      if let seconds = amount.seconds { arguments.append("-max_total_time=\(Int(seconds))") }
      if let executions = amount.executions, executions < .max { arguments.append("-runs=\(executions)") }
      arguments.append(corpus)
      Guide.current = self
      var count = CInt(arguments.count)
      var pointers = arguments.map { strdup($0) } + [nil]
      return pointers.withUnsafeMutableBufferPointer { buffer in
        var start = buffer.baseAddress!
        return Guide.runDriver(&count, &start) { bytes, count in
          Guide.current.feed(Array(UnsafeBufferPointer(start: bytes, count: count)))
          return 0
        }
      }
    }

    private func feed(_ input: [UInt8]) {
      let cost = Cost { target.run(input) }
      let kind = cost.isSlow(byteCount: input.count) ? "slow" : cost.isLarge(byteCount: input.count) ? "large" : nil
      guard let kind else { return }
      let path = Finding(kind: kind, target: target.name, input: input).write(to: output)
      print("\(target.name): \(path): \(input.count) bytes, \(cost)")
    }
  }
#endif
