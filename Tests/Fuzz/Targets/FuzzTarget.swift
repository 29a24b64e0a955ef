import Foundation
import TestSupport

/// A way into code that reads what is not to be trusted. Whatever the bytes, it returns: a trap, a time or a memory out of
/// proportion is a fault, and so is a property that does not hold, which traps as well.
package struct FuzzTarget: Sendable {
  package let name: String
  /// Texts that mean something in the format.
  package let dictionary: [String]
  /// How many inputs make a short test: as many as take about a second.
  package let shortCount: Int
  /// Inputs made from the repository's fixtures, beside those of `corpus`.
  private let fixtures: @Sendable () throws -> [[UInt8]]
  package let run: @Sendable (_ bytes: [UInt8]) -> Void

  init(
    _ name: String, dictionary: [String] = [], shortCount: Int = 9000,
    fixtures: @escaping @Sendable () throws -> [[UInt8]] = { [] }, run: @escaping @Sendable (_ bytes: [UInt8]) -> Void
  ) {
    self.name = name
    self.dictionary = dictionary
    self.shortCount = shortCount
    self.fixtures = fixtures
    self.run = run
  }

  /// All targets, by name.
  package static let all: [String: FuzzTarget] = Dictionary(
    uniqueKeysWithValues: (server + [
      jambaFile, journal, sessionFile, safetensors, packedCheckpoint, gguf, peftAdapter, ggufAdapter, configuration,
      tokenizerJSON, sentencePiece, roundTrip, detokenizer, utf8, chatTemplate, gbnf, lark, pattern, jsonSchema, json,
      answer, uses,
    ]).map { ($0.name, $0) })

  #if GUIDED
    private static let server: [FuzzTarget] = []
  #else
    private static let server = [request, embeddings, http]
  #endif

  /// The folder of files that are always tried: seeds, and inputs that once found a fault.
  package var folder: String { Fixtures.repository + "/Tests/Fuzz/Corpus/" + name }

  /// The files of `folder`, in the order of their names.
  package func corpus() throws -> [[UInt8]] {
    guard FileManager.default.fileExists(atPath: folder) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { try bytes(of: folder + "/" + $0) }
  }

  /// What mutation begins with.
  package func seeds() throws -> [[UInt8]] { try corpus() + fixtures() }
}

/// A property that must hold of what was read.
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError("fuzzing: " + message()) }
}

/// The parts of an input that stands for several files: what a zero byte parts, the last part with all that follows.
func parts(_ bytes: [UInt8], _ count: Int) -> [[UInt8]] {
  let parts = bytes.split(separator: 0, maxSplits: count - 1, omittingEmptySubsequences: false).map { Array($0) }
  return parts + Array(repeating: [], count: count - parts.count)
}

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
