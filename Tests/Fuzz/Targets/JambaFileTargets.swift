import Foundation
import Jamba
import JambaFormat
import TestSupport

extension FuzzTarget {
  /// A .jamba file: header, directory, blocks, documents, and the model it makes. Each input is read as it is, and with the
  /// checksums put right that it has broken: else nothing behind them would ever be reached.
  static let jambaFile = FuzzTarget(
    "jamba", dictionary: ["config.json", "tokenizer.json", "model.embed_tokens.weight", "{}", "null"], shortCount: 1200,
    fixtures: {
      let small = Scratch.path("small.jamba")
      let writer = try JambaFileWriter(path: small, parallel: serially)
      try writer.addDocuments(
        [
          ("config.json", Array(SyntheticModels.configuration(hidden: 32, intermediate: 32, experts: 1).utf8)),
          ("a", [1, 2, 3]),
        ],
        packing: .zstd)
      try writer.finish()
      var seeds = [try bytes(of: small)]
      for packing in [JambaFileWriter.Packing.raw, .zstd] {
        try SyntheticModels.write(to: small, hidden: 32, intermediate: 32, experts: 1, packing: packing)
        seeds.append(try bytes(of: small))
      }
      return seeds
    },
    run: { bytes in
      let path = Scratch.write(bytes, "input.jamba")
      readJambaFile(path)
      // Where nothing had to be put right, it would be the same once more.
      var last = bytes
      for withBlocks in [false, true] {
        guard let sealed = sealed(bytes, withBlocks: withBlocks) else { return }
        if sealed == last { continue }
        Scratch.write(sealed, "input.jamba")
        readJambaFile(path)
        last = sealed
      }
    })

  /// The journal of a conversion that was interrupted, and going on with it. As `jambaFile`, with and without a right
  /// checksum.
  static let journal = FuzzTarget(
    "journal", dictionary: ["config.json", "fuzz"], shortCount: 6000,
    fixtures: {
      let path = Scratch.path("seed.jamba")
      func write() throws {
        let writer = try JambaFileWriter(path: path, identity: journalIdentity, parallel: serially)
        try writer.addDocuments([("config.json", Array("{\"a\": 1}".utf8)), ("b", Array(0...255))], packing: .raw)
      }
      try write()
      return [try bytes(of: path + ".partial.journal")]
    },
    run: { bytes in
      var inputs = [bytes]
      if bytes.count >= 4 {
        var fields = Fields(bytes: bytes)
        fields.set(fields.checksum(0, bytes.count - 4)!, at: bytes.count - 4, 4)
        inputs.append(fields.bytes)
      }
      for input in inputs {
        let path = Scratch.path("resumed.jamba")
        Scratch.write([UInt8](repeating: 0, count: 4096), "resumed.jamba.partial")
        Scratch.write(input, "resumed.jamba.partial.journal")
        guard let writer = try? JambaFileWriter(path: path, identity: journalIdentity, parallel: serially) else {
          continue
        }
        _ = writer.contains("config.json")
        if (try? writer.addDocuments([("another", [1])], packing: .raw)) != nil, (try? writer.finish()) != nil {
          readJambaFile(path)
        }
      }
    })

  private static let journalIdentity = "fuzz"

  private static func readJambaFile(_ path: String) {
    guard let file = try? JambaFile(path: path) else { return }
    for entry in file.directory.entries.prefix(64) where entry.byteCount <= 1 << 20 {
      _ = try? file.contents(of: entry)
    }
    _ = try? file.configuration()
    _ = try? JambaModel.open(path, options: ModelOptions(threads: 1))
  }

  /// The file with its own size, and checksums of directory and header that are right; nil without a header.
  ///
  /// - Parameter withBlocks: whether the checksums of blocks are put right, too.
  private static func sealed(_ bytes: [UInt8], withBlocks: Bool) -> [UInt8]? {
    let (headerByteCount, blockByteCount) = (64, 20)
    var fields = Fields(bytes: bytes)
    guard let directory = fields.number(at: 24, 8), headerByteCount...max(headerByteCount, bytes.count) ~= directory,
      directory <= bytes.count
    else { return nil }
    if withBlocks, let count = fields.number(at: 52, 4), count <= (bytes.count - directory) / blockByteCount {
      for index in 0..<count {
        let place = bytes.count - (count - index) * blockByteCount
        if let offset = fields.number(at: place, 8), let size = fields.number(at: place + 8, 4),
          let sum = fields.checksum(offset, size)
        {
          fields.set(sum, at: place + 16, 4)
        }
      }
    }
    fields.set(bytes.count, at: 16, 8)
    fields.set(bytes.count - directory, at: 32, 8)
    fields.set(fields.checksum(directory, bytes.count - directory)!, at: 40, 4)
    fields.set(0, at: 12, 4)
    fields.set(fields.checksum(0, headerByteCount)!, at: 12, 4)
    return fields.bytes
  }
}
