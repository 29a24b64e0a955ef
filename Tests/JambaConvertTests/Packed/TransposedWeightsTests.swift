import JambaConvert
import JambaSystem
import TestSupport
import Testing

/// GPTQ and AWQ: matrices of several strips, and what is refused.
@Suite struct TransposedWeightsTests {
  private let module = "model.layers.1.self_attn.k_proj."

  /// More rows than a strip has, against plain loops over the words.
  @Test(arguments: [2, 3, 4, 8]) func stripsOfGPTQ(bits: Int) throws {
    var generator = FixedGenerator(state: UInt64(bits))
    let (rows, columns, groups) = (1184, 64, 4)
    let codes = (0..<columns).map { _ in (0..<rows).map { _ in Int.random(in: 0..<1 << bits, using: &generator) } }
    let zeros = (0..<groups).map { _ in (0..<rows).map { _ in Int.random(in: 0..<1 << bits, using: &generator) } }
    let scales = (0..<groups * rows).map { _ in Float.random(in: 0.5..<2, using: &generator) }
    let order = (0..<columns).map { _ in Int32.random(in: 0..<Int32(groups), using: &generator) }
    /// Codes of a line as words.
    func words(_ line: [Int]) -> [UInt32] {
      var words = [UInt32](repeating: 0, count: line.count * bits / 32)
      for (index, code) in line.enumerated() {
        for bit in 0..<bits where code >> bit & 1 == 1 {
          words[(index * bits + bit) / 32] |= 1 << UInt32((index * bits + bit) % 32)
        }
      }
      return words
    }
    let byRow = (0..<rows).map { row in words((0..<columns).map { codes[$0][row] }) }
    let height = columns * bits / 32
    let folder = try PackedFolder(
      [
        "a.qweight": .init(
          type: "I32", shape: [height, rows], bytes: packed((0..<height).flatMap { word in byRow.map { $0[word] } })),
        "a.qzeros": .init(type: "I32", shape: [groups, rows * bits / 32], bytes: packed(zeros.flatMap(words))),
        "a.scales": .init(type: "F32", shape: [groups, rows], bytes: packed(scales)),
        "a.g_idx": .init(type: "I32", shape: [columns], bytes: packed(order)),
      ], quantization: .object(["quant_method": .string("gptq"), "bits": .integer(bits)]))
    let checkpoint = try folder.open()
    let tensor = try checkpoint.tensor("a.weight")
    #expect(tensor.shape == [rows, columns] && tensor.type == "GPTQ \(bits)-bit")
    let values = try checkpoint.values(tensor, 0..<rows)
    var wrong = 0
    for row in 0..<rows {
      for column in 0..<columns {
        let group = Int(order[column])
        let zero = (zeros[group][row] + 1) & (1 << bits - 1)
        if values[row * columns + column] != scales[group * rows + row] * Float(codes[column][row] - zero) {
          wrong += 1
        }
      }
    }
    #expect(wrong == 0)
    for first in [511, 512, 600, 1183] {
      #expect(
        try checkpoint.values(tensor, first..<first + 1) == Array(values[first * columns..<(first + 1) * columns]))
    }
  }

  @Test func stripsOfAWQ() throws {
    var generator = FixedGenerator(state: 1)
    let (rows, columns) = (1096, 32)
    let words = (0..<columns * rows / 8).map { _ in UInt32.random(in: 0...UInt32.max, using: &generator) }
    let zeros = (0..<2 * rows / 8).map { _ in UInt32.random(in: 0...UInt32.max, using: &generator) }
    let scales = (0..<2 * rows).map { _ in Float.random(in: 0.5..<2, using: &generator) }
    let folder = try PackedFolder(
      [
        "a.qweight": .init(type: "I32", shape: [columns, rows / 8], bytes: packed(words)),
        "a.qzeros": .init(type: "I32", shape: [2, rows / 8], bytes: packed(zeros)),
        "a.scales": .init(type: "F32", shape: [2, rows], bytes: packed(scales)),
      ], quantization: .object(["quant_method": .string("awq"), "bits": .integer(4), "group_size": .integer(16)]))
    let checkpoint = try folder.open()
    let tensor = try checkpoint.tensor("a.weight")
    let values = try checkpoint.values(tensor, 0..<rows)
    let order = [0, 2, 4, 6, 1, 3, 5, 7]
    var wrong = 0
    for column in 0..<columns {
      for word in 0..<rows / 8 {
        for place in 0..<8 {
          let row = 8 * word + order[place]
          let code = Int(words[column * rows / 8 + word] >> UInt32(4 * place) & 15)
          let zero = Int(zeros[column / 16 * rows / 8 + word] >> UInt32(4 * place) & 15)
          if values[row * columns + column] != scales[column / 16 * rows + row] * Float(code - zero) { wrong += 1 }
        }
      }
    }
    #expect(wrong == 0)
  }

  @Test func layoutsThatAreNotRead() throws {
    var folder = try PackedFolder("gptq")
    for format in ["marlin", "gptq_p", "bitblas"] {
      folder.set("checkpoint_format", .string(format))
      #expect(try folder.refusal().contains("checkpoint_format \(format) of GPTQ is not read"))
    }
    folder.set("checkpoint_format", nil)
    try folder.convert()
    folder.set("is_marlin_format", .bool(true))
    #expect(try folder.refusal().contains("marlin"))
    var other = try PackedFolder("awq")
    for version in ["GEMV", "gemv_fast", "llm-awq"] {
      other.set("version", .string(version))
      #expect(try other.refusal().contains("version \(version.lowercased()) of AWQ is not read"))
    }
    other.set("version", .string("GEMM"))
    try other.convert()
  }

  @Test(arguments: ["qzeros", "scales"]) func companionsThatAreMissing(part: String) throws {
    for name in ["gptq", "awq"] {
      var folder = try PackedFolder(name)
      folder.tensors[module + part] = nil
      #expect(try folder.refusal().contains("\(module)weight has no \(part) beside it"))
    }
  }

  @Test func groupsThatAreNotThere() throws {
    var folder = try PackedFolder("gptq")
    folder.tensors[module + "g_idx"]!.bytes = packed([Int32](repeating: 2, count: 32))
    #expect(try folder.refusal().contains("\(module)g_idx names groups that are not there"))
    folder.tensors[module + "g_idx"] = .init(type: "I32", shape: [31], bytes: packed([Int32](repeating: 0, count: 31)))
    #expect(try folder.refusal().contains("\(module)weight has"))
    folder.tensors[module + "g_idx"] = .init(type: "I32", shape: [0], bytes: [])
    #expect(try folder.refusal().contains("\(module)weight has"))
  }
}
