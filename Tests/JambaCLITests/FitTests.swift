import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// What a checkpoint would need, before it is converted.
@Suite struct FitTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func plan(_ path: String, _ options: [String]) throws -> JSON {
    let outcome = try Program.run(["plan", path, "--json", "--memory", "80MiB"] + options, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try JSON.parse(outcome.output)
  }

  /// The plan of a checkpoint is that of the file that is made of it.
  @Test(
    arguments: [
      ("moe", []), ("dense", ["--type", "int8"]), ("demo", ["--bits", "3"]), ("demo", ["--rule", "*in_proj*=bf16"]),
    ] as [(String, [String])])
  func plansWhatConversionMakes(_ name: String, _ options: [String]) throws {
    let path = folder.file("model.jamba")
    let converted = try Program.run(["convert", Fixtures.checkpoint(name), path] + options, in: folder)
    #expect(converted.status == 0, "\(converted.errors)")
    let (before, after) = (try plan(Fixtures.checkpoint(name), options), try plan(path, []))
    for member in ["residency", "context"] { #expect(before[member] == after[member], "\(member)") }
    // Provenance is a document that only the file has, and small ones share a segment there.
    for member in ["total_bytes", "least_bytes"] {
      #expect(abs(try #require(before[member]?.integer) - #require(after[member]?.integer)) < 4096, "\(member)")
    }
    #expect(before["items"]?["weights"] == after["items"]?["weights"])
    let directory = try JambaFile(path: path).directory
    #expect(before["file"]?["bits_per_weight"] == .number(directory.bitsPerWeight))
  }

  /// The most bits that a limit has room for: they fit, and a tenth more do not.
  @Test(arguments: ["42MiB", "48MiB"]) func fitsTheLimit(_ limit: String) throws {
    func outcome(_ options: [String]) throws -> JSON {
      try JSON.parse(
        try Program.run(["plan", Fixtures.checkpoint("demo"), "--json", "--memory", limit] + options, in: folder).output)
    }
    let fitting = try outcome(["--fit", limit])
    #expect(fitting["residency"]?["weights"] == .string("owned"))
    let bits = try #require(fitting["file"]?["bits_per_weight"]?.double)
    #expect(2.2...8.6 ~= bits)
    let more = try outcome(["--bits", "\(bits + 0.1)"])
    #expect(more["residency"]?["weights"] != .string("owned"), "\(bits)")
    // A longer text leaves less to the weights.
    let long = try outcome(["--fit", limit, "--fit-context", "16384", "--context", "16384"])
    #expect(long["residency"]?["weights"] == .string("owned"))
    #expect(try #require(long["file"]?["bits_per_weight"]?.double) < bits)
  }

  @Test func saysWhatDoesNotFit() throws {
    let outcome = try Program.run(["convert", Fixtures.checkpoint("demo"), "x.jamba", "--fit", "30MiB"], in: folder)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("in 2 bits it needs 35."), "\(outcome.errors)")
    #expect(try Program.run(["convert", "x", "y", "--fit", "1GiB", "--bits", "3"], in: folder).status == 2)
    #expect(try Program.run(["convert", "x", "y", "--fit-context", "100"], in: folder).status == 2)
  }
}
