import Foundation
import Jamba
import JambaConvert
import TestSupport
import Testing

/// Models whose numbers end in infinities: an error that names the place, and nothing made of them.
@Suite struct NumberFaultTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The fixture with the largest bf16 number all over some matrices.
  func model(_ names: [String]) throws -> JambaModel {
    var tensors = try TensorFile.checkpoint(Fixtures.checkpoint("moe"))
    for name in names {
      let count = try #require(tensors.tensors[name]).bytes.count / 2
      tensors.tensors[name]!.bytes = (0..<count).flatMap { _ in [0x7F, 0x7F] as [UInt8] }
    }
    let checkpoint = folder.file("checkpoint")
    try FileManager.default.createDirectory(atPath: checkpoint, withIntermediateDirectories: true)
    try tensors.save(to: checkpoint + "/model.safetensors")
    try FileManager.default.copyItem(
      atPath: Fixtures.checkpoint("moe") + "/config.json", toPath: checkpoint + "/config.json")
    let path = folder.file("model.jamba")
    _ = try convert(
      checkpoint: checkpoint, to: path, options: ConversionOptions(recipe: .uniform(.f32)), tool: "test", progress: { _, _ in true })
    return try JambaModel.open(path, options: ModelOptions(threads: 2, chunk: 16))
  }

  @Test(
    arguments: [
      (["model.layers.2.mamba.out_proj.weight"], NumberFault.Part.mamba, 2),
      (["model.layers.4.self_attn.o_proj.weight", "model.layers.4.self_attn.v_proj.weight"], .attention, 4),
      (["model.layers.6.feed_forward.down_proj.weight", "model.layers.6.feed_forward.up_proj.weight"], .feedForward, 6),
      ((0..<4).map { "model.layers.1.feed_forward.experts.\($0).down_proj.weight" }, .experts, 1),
      (["lm_head.weight"], .head, nil),
    ] as [([String], NumberFault.Part, Int?)])
  func namesThePlace(_ names: [String], _ part: NumberFault.Part, _ layer: Int?) throws {
    let model = try model(names)
    let session = try model.makeSession(options: SessionOptions(chunk: 16))
    for tokens in [[5], Array(1..<40)] as [[Int32]] {
      let error = try #require(throws: JambaError.self) { _ = try session.append(tokens) }
      guard case .notANumber(let fault) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(fault.part == part && fault.layer == layer, "\(fault)")
      #expect(fault.description.contains(layer.map { "layer \($0)'s" } ?? "the head"))
      // The session is empty, as after any pass that failed.
      #expect(session.tokenCount == 0)
    }
    #expect(throws: JambaError.self) {
      let generation = try session.generate(tokens: [3, 4], options: GenerationOptions(maxTokens: 5))
      while try generation.next() != nil {}
    }
  }
}
