import Dispatch
import JambaConvert
import JambaFormat
import JambaSystem
import Synchronization
import TestSupport
import Testing

/// Numbers of quantized weights against those that the tools which wrote them compute, bit for bit.
@Suite struct PackedValueTests {
  func expectValues(of checkpoint: any Checkpoint, _ expected: JSON) throws {
    var count = 0
    for (name, value) in try #require(expected.object).members {
      let tensor = try checkpoint.tensor(name)
      #expect(tensor.fault == nil && tensor.shape == value["shape"]?.array?.map(\.integer), "\(name)")
      let values = try checkpoint.values(tensor, 0..<tensor.rowCount)
      #expect(values.checksum == UInt32(value["crc32c"]!.integer!), "\(name), a \(tensor.type): \(values.prefix(6))")
      count += 1
    }
    #expect(count >= 4)
  }

  @Test(arguments: PackedFolder.names) func areThoseOfTheReference(name: String) throws {
    let expected = try JSON.parse(bytes(of: Fixtures.packed(name) + "/expected.json"))
    try expectValues(of: openCheckpoint(Fixtures.packed(name)), expected)
  }

  @Test func zeroPointsOfTheSecondVersionOfGPTQ() throws {
    var folder = try PackedFolder("gptq")
    folder.set("checkpoint_format", .string("gptq_v2"))
    let expected = try JSON.parse(bytes(of: Fixtures.packed("gptq") + "/expected-v2.json"))
    try expectValues(of: folder.open(), expected)
  }

  /// Any rows, by several threads at a time.
  @Test(arguments: PackedFolder.names) func anyRowsAreTheSame(name: String) throws {
    let checkpoint = try openCheckpoint(Fixtures.packed(name))
    let different = Mutex(0)
    for tensor in checkpoint.tensors {
      let whole = try checkpoint.values(tensor, 0..<tensor.rowCount)
      DispatchQueue.concurrentPerform(iterations: 24) { index in
        var generator = FixedGenerator(state: UInt64(index))
        let first = Int.random(in: 0..<tensor.rowCount, using: &generator)
        let rows = first..<Int.random(in: first + 1...tensor.rowCount, using: &generator)
        let part = whole[rows.lowerBound * tensor.columns..<rows.upperBound * tensor.columns]
        let values = (try? checkpoint.values(tensor, rows)) ?? []
        if values.map(\.bitPattern) != part.map(\.bitPattern) { different.withLock { $0 += 1 } }
        checkpoint.prepare(rows, of: tensor)
        checkpoint.release(rows, of: tensor)
      }
    }
    #expect(different.withLock { $0 } == 0)
  }

  @Test(arguments: PackedFolder.names) func areConvertedAndVerified(name: String) throws {
    let folder = try PackedFolder(name)
    let summary = try folder.convert()
    let report = try verify(folder.folder.file("out.jamba"), against: folder.path, threads: 2) { _, _ in true }
    #expect(report.tensors.count == report.tensorCount && report.tensors.allSatisfy { $0.relativeError == 0 })
    // What the numbers were is named, and counted without their scales.
    let values = summary.sourceTypes.reduce(0) { $0 + $1.valueCount }
    #expect(values == summary.parameterCount)
    let provenance = try #require(try JambaFile(path: folder.folder.file("out.jamba")).json(DocumentName.provenance))
    let quantization = try #require(provenance["quantization"]?.string)
    let most = try #require(summary.sourceTypes.map(\.name).first { !["BF16", "F32"].contains($0) })
    #expect(quantization.contains(most))
  }

  /// All names with something before them, as a trainer saves them.
  @Test(arguments: PackedFolder.names) func prefixes(name: String) throws {
    var folder = try PackedFolder(name)
    folder.tensors = Dictionary(uniqueKeysWithValues: folder.tensors.map { ("module." + $0, $1) })
    if let settings = folder.config["quantization"]?.object {
      var renamed = JSONObject()
      for (key, value) in settings.members {
        renamed[key.hasPrefix("model.") || key == "lm_head" ? "module." + key : key] = value
      }
      folder.config["quantization"] = .object(renamed)
      folder.config["quantization_config"] = nil
    }
    let plain = try openCheckpoint(Fixtures.packed(name))
    let checkpoint = try folder.open()
    #expect(Set(checkpoint.tensors.map(\.name)) == Set(plain.tensors.map(\.name)))
    for tensor in checkpoint.tensors {
      #expect(try checkpoint.values(tensor, 0..<1) == plain.values(plain.tensor(tensor.name), 0..<1), "\(tensor.name)")
    }
  }
}
