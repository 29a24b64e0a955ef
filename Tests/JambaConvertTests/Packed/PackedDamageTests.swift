import JambaConvert
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Quantized checkpoints with whatever may be wrong with them: each is read, or refused in a sentence; nothing is left behind.
@Suite struct PackedDamageTests {
  private let roundCount = 160

  /// Another shape of as many numbers, or of other numbers in as many bytes, or fewer bytes.
  private func misshape(_ tensor: inout TensorFile.Tensor, _ generator: inout FixedGenerator) {
    let widths = [
      "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4,
      "I64": 8,
    ]
    let count = tensor.shape.reduce(1, *)
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: tensor.shape = [count]
    case 1: tensor.shape = tensor.shape.reversed()
    case 2: tensor.shape = [1] + tensor.shape
    case 3:
      let part = [2, 3, 4, 8].randomElement(using: &generator)!
      if count % part == 0 { tensor.shape = [part, count / part] }
    case 4:
      let type = widths.keys.sorted().randomElement(using: &generator)!
      if tensor.bytes.count % widths[type]! == 0 {
        tensor.type = type
        tensor.shape = [tensor.bytes.count / widths[type]!]
      }
    default:
      guard var last = tensor.shape.last, count > 0 else { return }
      let before = last
      last = Int.random(in: 0...last, using: &generator)
      tensor.shape[tensor.shape.count - 1] = last
      tensor.bytes = Array(tensor.bytes.prefix(tensor.bytes.count / before * last))
    }
  }

  private func mutate(_ folder: inout PackedFolder, _ generator: inout FixedGenerator) {
    let name = folder.tensors.keys.sorted().randomElement(using: &generator)!
    let parts = [
      "_scale", "_shape", "_packed", "_zero_point", "_g_idx", "_global_scale", "_scale_2", "_scale_inv", ".absmax",
      ".quant_state.bitsandbytes__nf4",
    ]
    switch Int.random(in: 0..<8, using: &generator) {
    case 0: folder.tensors[name] = nil
    case 1, 2, 3: misshape(&folder.tensors[name]!, &generator)
    case 4:
      for _ in 0..<Int.random(in: 1...8, using: &generator) where !folder.tensors[name]!.bytes.isEmpty {
        let place = folder.tensors[name]!.bytes.indices.randomElement(using: &generator)!
        folder.tensors[name]!.bytes[place] = [0, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)]
          .randomElement(using: &generator)!
      }
    case 5:
      // Another tensor's place, so that what belongs together does not.
      folder.tensors[name] = folder.tensors.values.sorted { $0.bytes.count < $1.bytes.count }
        .randomElement(using: &generator)!
    case 6: folder.tensors[name + parts.randomElement(using: &generator)!] = folder.tensors[name]
    default:
      let keys = [
        "bits", "group_size", "mode", "weight_block_size", "checkpoint_format", "format", "version", "config_groups",
        "quant_method",
      ]
      let values: [JSON] = [
        .integer(0), .integer(-1), .integer(3), .integer(64), .integer(1 << 62), .null, .string("affine"),
        .string("nvfp4"),
        .array([.integer(1), .integer(1)]), .array([.integer(0), .integer(1)]),
        .array([.integer(1 << 62), .integer(1 << 62)]),
        .object([:]), .number(0.5),
      ]
      for name in ["quantization_config", "quantization"] {
        guard var settings = folder.config[name]?.object else { continue }
        settings[keys.randomElement(using: &generator)!] = values.randomElement(using: &generator)!
        folder.config[name] = .object(settings)
      }
    }
  }

  @Test(arguments: PackedFolder.names) func mutations(name: String) throws {
    let sound = try PackedFolder(name)
    var generator = FixedGenerator(state: UInt64(name.utf8.reduce(0) { $0 + UInt64($1) }))
    var refused = 0
    var rounds = 0
    for round in 0..<roundCount {
      var folder = sound
      for _ in 0..<Int.random(in: 1...3, using: &generator) { mutate(&folder, &generator) }
      rounds += 1
      do {
        let checkpoint = try folder.open()
        for tensor in checkpoint.tensors where tensor.fault == nil && tensor.rowCount > 0 && tensor.columns > 0 {
          let row = Int.random(in: 0..<tensor.rowCount, using: &generator)
          _ = try checkpoint.values(tensor, row..<min(row + 9, tensor.rowCount))
        }
        if round % 16 == 0 { try folder.convert() } else if try !isWhole(checkpoint) { refused += 1 }
      } catch let error as ConversionError {
        #expect(!error.description.isEmpty && !error.description.contains("\n"))
        refused += 1
      }
      if round % 16 == 0 { FileSystem.remove(folder.folder.file("out.jamba")) }
      #expect(!FileSystem.exists(folder.folder.file("out.jamba.partial")))
    }
    #expect(refused > rounds / 4 && refused < rounds)
  }

  /// Whether it would not be refused for its tensors.
  private func isWhole(_ checkpoint: any Checkpoint) throws -> Bool {
    checkpoint.tensors.allSatisfy { $0.fault == nil }
  }

  /// Headers with bytes turned, and files that end early.
  @Test(arguments: PackedFolder.names) func headersAndEnds(name: String) throws {
    let folder = try PackedFolder(name)
    _ = try folder.open()
    let path = folder.path + "/model.safetensors"
    let file = try bytes(of: path)
    let length = (0..<8).reduce(0) { $0 | Int(file[$1]) << (8 * $1) }
    var generator = FixedGenerator(state: 3)
    for round in 0..<roundCount / 4 {
      var changed = file
      if round % 8 == 0 {
        changed = Array(file.prefix(Int.random(in: 0..<file.count, using: &generator)))
      } else {
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
          let place = Int.random(in: 8..<8 + length, using: &generator)
          changed[place] =
            round % 2 == 0 ? changed[place] ^ 1 << UInt8.random(in: 0..<8, using: &generator) : UInt8(ascii: "9")
        }
      }
      try write(changed, to: path)
      do {
        let checkpoint = try openCheckpoint(folder.path)
        for tensor in checkpoint.tensors where tensor.fault == nil && tensor.rowCount > 0 && tensor.columns > 0 {
          _ = try checkpoint.values(tensor, 0..<1)
        }
      } catch let error as ConversionError {
        #expect(!error.description.isEmpty && !error.description.contains("\n"))
      }
    }
  }
}
