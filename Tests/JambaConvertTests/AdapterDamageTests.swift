import Foundation
import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Adapters with bits turned, bytes drawn anew, numbers made large, and ends cut off: one sentence each, no crash, no file left
/// behind.
@Suite struct AdapterDamageTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// - Parameter header: how many bytes from the start are worth changing.
  private func mutated(_ sound: [UInt8], _ header: Int, isText: Bool, _ generator: inout FixedGenerator) -> [UInt8] {
    var bytes = sound
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let place = Int.random(in: 0..<max(1, header - 8), using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 2: bytes[place] = isText ? Array("0123456789[]{},:\"-e".utf8).randomElement(using: &generator)! : 0
      case 3:
        let large = [UInt64.max, 1 << 63, 1 << 40, 1 << 32, 1 << 24, 0].randomElement(using: &generator)!
        bytes.replaceSubrange(place..<place + 8, with: withUnsafeBytes(of: large.littleEndian) { Array($0) })
      case 4:
        // A piece from elsewhere in the header: names, numbers and shapes change places.
        let length = Int.random(in: 1..<24, using: &generator)
        let from = Int.random(in: 0..<max(1, header - length), using: &generator)
        let to = Int.random(in: 0..<max(1, header - length), using: &generator)
        bytes.replaceSubrange(to..<to + length, with: sound[from..<from + length])
      default:
        if Int.random(in: 0..<4, using: &generator) == 0 {
          bytes.removeSubrange(Int.random(in: 0..<bytes.count, using: &generator)...)
        }
      }
      if bytes.count < header { break }
    }
    return bytes
  }

  private func run(
    _ adapter: String, _ file: String?, base: String, header: Int?, rounds: Int, seed: UInt64
  ) throws -> (refused: Int, merged: Int) {
    let source = Fixtures.adapter(adapter)
    let path = folder.file("adapter" + (file == nil ? ".gguf" : ""))
    try FileManager.default.copyItem(atPath: source, toPath: path)
    let target = file.map { path + "/" + $0 } ?? path
    let sound = try bytes(of: target)
    let checkpoint = Fixtures.checkpoint(base)
    var generator = FixedGenerator(state: seed)
    let isText = header == nil
    var (refused, merged) = (0, 0)
    for round in 0..<rounds {
      try write(
        mutated(sound, min(header ?? sound.count, sound.count), isText: isText, &generator), to: target)
      let output = folder.file("out.jamba")
      do {
        if round % 8 == 0 {
          _ = try convert(
            checkpoint: checkpoint, to: output,
            options: ConversionOptions(
              recipe: .uniform(.bf16), packing: .raw, threads: 1, adapters: [AdapterSource(path: path)]),
            tool: "test", progress: { _, _ in true })
          FileSystem.remove(output)
        } else {
          let opened = try openCheckpoint(checkpoint, adapters: [AdapterSource(path: path)])
          for tensor in opened.tensors.suffix(4) where tensor.fault == nil {
            var values = [Float](repeating: 0, count: tensor.columns)
            try values.withUnsafeMutableBufferPointer { try opened.read(0..<1, of: tensor, into: $0) }
          }
        }
        merged += 1
      } catch let error as ConversionError {
        #expect(!error.description.isEmpty && !error.description.contains("\n"))
        refused += 1
      }
      #expect(!FileSystem.exists(output) && !FileSystem.exists(output + ".partial"))
    }
    return (refused, merged)
  }

  @Test func filesOfTensors() throws {
    let sound = try bytes(of: Fixtures.adapter("dora-odd") + "/adapter_model.safetensors")
    let header = 8 + (0..<8).reduce(0) { $0 | Int(sound[$1]) << (8 * $1) }
    let found = try run("dora-odd", "adapter_model.safetensors", base: "odd", header: header, rounds: 1500, seed: 3)
    #expect(found.refused > 500)
  }

  @Test func settings() throws {
    let found = try run("dora-odd", "adapter_config.json", base: "odd", header: nil, rounds: 1000, seed: 4)
    #expect(found.refused > 200 && found.merged > 100)
  }

  @Test func filesOfGGUF() throws {
    let header = try GGUFFile(path: Fixtures.adapter("lora-embedding.gguf")).tensors.map(\.range.lowerBound).min() ?? 0
    let found = try run("lora-embedding.gguf", nil, base: "long", header: header, rounds: 1200, seed: 5)
    #expect(found.refused > 500)
  }

  @Test func filesOfMLX() throws {
    let sound = try bytes(of: Fixtures.adapter("mlx-dora") + "/adapters.safetensors")
    let header = 8 + (0..<8).reduce(0) { $0 | Int(sound[$1]) << (8 * $1) }
    let found = try run("mlx-dora", "adapters.safetensors", base: "moe", header: header, rounds: 600, seed: 6)
    #expect(found.refused > 200)
  }
}
