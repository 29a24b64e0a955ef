import Jamba
import JambaConvert
import JambaFormat
import TestSupport
import Testing

/// What quantization costs on the demo model, against the bounds the README states.
@Suite struct QualityTests {
  @Test func divergenceFromBF16StaysSmall() throws {
    let folder = try TemporaryFolder()
    func model(_ recipe: Recipe) throws -> JambaModel {
      let path = folder.file(recipe.name + ".jamba")
      _ = try convert(
        checkpoint: Fixtures.checkpoint("demo"), to: path, options: ConversionOptions(recipe: recipe, threads: 2),
        tool: "test", progress: { _, _ in true })
      return try JambaModel.open(path)
    }
    let reference = try model(.uniform(.bf16))
    let text = String(decoding: try bytes(of: Fixtures.stories), as: UTF8.self)
    let ids = try reference.requireTokenizer().encode(text, addSpecialTokens: false)
    for (recipe, bound) in [(Recipe.uniform(.int8), 0.001), (.balanced, 0.004), (.small, 0.006)] {
      var measure = DivergenceMeasure(try model(recipe).makeSession(), reference: try reference.makeSession())
      for window in 0..<6 { try measure.add(Array(ids[window * 512..<(window + 1) * 512])) }
      let divergence = try #require(measure.report["mean_kl"]?.double)
      #expect(divergence <= bound, "\(recipe.name)")
      // A reference compared with itself would be 0: the measure measures something.
      #expect(divergence > 1e-6, "\(recipe.name)")
    }
  }
}
