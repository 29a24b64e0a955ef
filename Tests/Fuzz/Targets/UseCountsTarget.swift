import Jamba
import JambaSystem

extension FuzzTarget {
  /// Counts of experts' uses: those that are read are shares, read the same when they are written, and can be added to.
  static let uses = FuzzTarget(
    "uses",
    dictionary: ["\"tokens\":", "\"uses\":", "[]", "null", "32768", "32769", "-1", "0.5", "1e300", "9223372036854775807"],
    fixtures: {
      var counts = UseCounts(expertCounts: shape)
      counts.add([(0, 3), (2, 17)], of: 20, layer: 1)
      counts.add([(1, 20)], of: 20, layer: 3)
      return [Array(counts.json.text().utf8)]
    },
    run: { bytes in
      guard let json = try? JSON.parse(bytes), var counts = UseCounts(json, expertCounts: shape) else { return }
      require(UseCounts(counts.json, expertCounts: shape) == counts, "what is written reads otherwise")
      for (layer, count) in shape.enumerated() {
        for expert in 0..<count {
          require(0...1 ~= counts.share(expert, layer: layer, usual: 0.5), "a share is none")
          counts.add([(expert, 1)], of: 1, layer: layer)
        }
      }
      require(UseCounts(counts.json, expertCounts: shape) == counts, "counts that were added to read otherwise")
    })

  private static let shape = [0, 4, 0, 2]
}
