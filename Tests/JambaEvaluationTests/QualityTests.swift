import Jamba
import JambaConvert
import JambaEvaluation
import JambaSystem
import TestSupport
import Testing

/// What quantization costs on the demo model, against the bounds the README states.
@Suite struct QualityTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func model(_ recipe: Recipe, importance: String? = nil) throws -> JambaModel {
    let path = folder.file(recipe.name + (importance == nil ? "" : "-weighed") + ".jamba")
    _ = try convert(
      checkpoint: Fixtures.checkpoint("demo"), to: path,
      options: ConversionOptions(recipe: recipe, threads: 2, importance: importance), tool: "test",
      progress: { _, _ in true })
    return try JambaModel.open(path, options: ModelOptions(chunk: 512))
  }

  /// The model's first token and the stories, in windows of 512.
  private func windows(_ model: JambaModel, _ range: Range<Int>) throws -> [[Int32]] {
    let text = String(decoding: try bytes(of: Fixtures.stories), as: UTF8.self)
    let ids = [1] + (try model.requireTokenizer().encode(text, addSpecialTokens: false))
    return range.map { Array(ids[$0 * 512..<($0 + 1) * 512]) }
  }

  /// From tools/measure/reference-perplexity models/demo Tests/Fixtures/texts/stories.txt --windows 2 [--skip 100], with
  /// transformers 5.24.0 and torch 2.15.0.
  @Test(arguments: [(0, 8.944465, 1022), (100, 8.972767, 822)])
  func perplexityIsThatOfTransformers(skipped: Int, expected: Double, count: Int) throws {
    let model = try model(.uniform(.f32))
    var measure = DivergenceMeasure(try model.makeSession(), skipping: skipped)
    for window in try windows(model, 0..<2) { try measure.add(window) }
    let perplexity = try #require(measure.report["perplexity"]?.double)
    #expect(measure.report["tokens"]?.integer == count)
    // Logits agree within 1e-4, so that their mean loss does, too.
    #expect(abs(perplexity / expected - 1) < 1e-4)
  }

  /// Rounding by what the matrices see makes the smallest file better on other text than it was calibrated on.
  @Test func importanceLowersDivergence() throws {
    let reference = try model(.uniform(.bf16))
    let windows = try windows(reference, 0..<20)
    let calibration = Calibration(try reference.makeSession(), blockLimit: 128)
    for window in windows[4...] { try calibration.add(window) }
    let importance = folder.file("moments.safetensors")
    try calibration.write(to: importance)
    let divergences = try [nil, importance].map { importance in
      var measure = DivergenceMeasure(
        try model(.small, importance: importance).makeSession(), reference: try reference.makeSession())
      for window in windows[..<4] { try measure.add(window) }
      return try #require(measure.report["mean_kl"]?.double)
    }
    #expect(divergences[1] < 0.9 * divergences[0])
  }

  @Test func layersDifferFromAnotherFilesAlone() throws {
    let reference = try model(.uniform(.bf16))
    let window = try windows(reference, 0..<1)[0]
    func report(_ model: JambaModel) throws -> [JSON] {
      var measure = try LayerMeasure(model, reference: reference, capacity: window.count)
      try measure.add(window)
      return try #require(measure.report.array)
    }
    for (layer, figures) in try report(reference).enumerated() {
      #expect(figures["relative_error"]?.double == 0)
      #expect(figures["router_agreement"]?.double == (layer % 2 == 1 ? 1 : nil))
    }
    for (layer, figures) in try report(try model(.small)).enumerated() {
      #expect(0.005...0.2 ~= figures["relative_error"]?.double ?? 0)
      if layer % 2 == 1 { #expect(0.8..<1 ~= figures["router_agreement"]?.double ?? 0) }
    }
  }

  @Test func divergenceFromBF16StaysSmall() throws {
    let reference = try model(.uniform(.bf16))
    let windows = try windows(reference, 0..<6)
    for (recipe, bound) in [(Recipe.uniform(.int8), 0.003), (.balanced, 0.02), (.small, 0.04)] {
      var measure = DivergenceMeasure(try model(recipe).makeSession(), reference: try reference.makeSession())
      for window in windows { try measure.add(window) }
      let divergence = try #require(measure.report["mean_kl"]?.double)
      #expect(divergence <= bound, "\(recipe.name)")
      // A reference compared with itself would be 0: the measure measures something.
      #expect(divergence > 1e-6, "\(recipe.name)")
    }
  }
}
