import Foundation
import Jamba
import JambaFormat
import TestSupport

extension FuzzTarget {
  /// A saved session: its container, and restoring it. Each input is read as it is, and with right checksums.
  static let sessionFile = FuzzTarget(
    "session", shortCount: 2400,
    fixtures: {
      var seeds: [[UInt8]] = []
      for options in [SessionOptions(), SessionOptions(chunk: 16, window: 40, sinks: 2)] {
        let session = try model.makeSession(options: options)
        _ = try session.append((0..<60).map { Int32($0) })
        try session.save(to: Scratch.path("seed.session"), note: Array("a note".utf8))
        seeds.append(try bytes(of: Scratch.path("seed.session")))
      }
      return seeds
    },
    run: { bytes in
      for input in [bytes] + (sealed(bytes).map { [$0] } ?? []) {
        let path = Scratch.write(input, "input.session")
        if let reader = try? SessionFileReader(path: path, parallel: serially) {
          _ = try? reader.read(min(reader.contentsByteCount, 4 << 20))
        }
        _ = try? model.makeSession(restoring: path)
        model.forgetSnapshots()
      }
    })

  private static let model: JambaModel = {
    do {
      let path = Scratch.path("session-model.jamba")
      try SyntheticModels.write(to: path, hidden: 32, intermediate: 32, experts: 1)
      return try JambaModel.open(path, options: ModelOptions(threads: 1))
    } catch { fatalError("no model: \(error)") }
  }()

  private static func sealed(_ bytes: [UInt8]) -> [UInt8]? {
    let (headerByteCount, blockByteCount) = (40, 8)
    var fields = Fields(bytes: bytes)
    fields.set(bytes.count, at: 16, 8)
    guard let description = fields.number(at: 32, 4), let count = fields.number(at: 36, 4),
      description + count * blockByteCount <= bytes.count - headerByteCount
    else { return nil }
    let table = headerByteCount + description
    let end = table + count * blockByteCount
    var position = end
    for index in 0..<count {
      let place = table + index * blockByteCount
      guard let size = fields.number(at: place, 4), let sum = fields.checksum(position, size) else { break }
      fields.set(sum, at: place + 4, 4)
      position += size
    }
    fields.set(0, at: 12, 4)
    fields.set(fields.checksum(0, end)!, at: 12, 4)
    return fields.bytes
  }
}
