import Foundation
import JambaFormat
import JambaSystem
import TestSupport
import Testing

/// Models larger than the memory that the kernel lets the program have.
@Suite struct LimitedMemoryTests {
  let folder: TemporaryFolder
  static let prompt = (0..<40).map { "\(($0 * 37 + 11) % 256)" }.joined(separator: ",")

  init() throws { folder = try TemporaryFolder() }

  /// 120 MB, of which the experts are nine tenths, or 130 MB without experts.
  func write(experts: Int) throws -> String {
    let path = folder.file("model.jamba")
    try SyntheticModels.write(
      to: path, hidden: 512, intermediate: experts > 1 ? 2048 : 16384, experts: experts)
    return path
  }

  func generate(
    _ model: String, memory: String? = nil, environment: [String: String] = [:], wrapper: [String] = []
  ) throws -> Program.Outcome {
    try Program.run(
      ["generate", model, "--tokens", LimitedMemoryTests.prompt, "-n", "24", "--ignore-eos", "--json", "--context", "64",
       "--chunk", "32"] + (memory.map { ["--memory", $0] } ?? []), environment: environment, wrapper: wrapper, in: folder)
  }

  /// The limit is the group's, which enforces it, or the program's own option as well.
  @Test(
    .enabled(if: LimitedGroup.isPermitted, "control groups cannot be made here"),
    arguments: [(experts: 16, mebibytes: 44), (experts: 1, mebibytes: 64)])
  func sameTokensUnderALimit(experts: Int, mebibytes: Int) throws {
    let model = try write(experts: experts)
    let limit = mebibytes << 20
    #expect(try JambaFile(path: model).byteCount > limit * 3 / 2)
    let free = try generate(model)
    #expect(free.status == 0, "\(free.errors)")
    for option in [nil, "\(mebibytes)MiB"] {
      let group = try LimitedGroup(byteCount: limit)
      let outcome = try generate(model, memory: option, wrapper: group.wrapper)
      #expect(
        outcome.status == 0 && group.killCount == 0, "status \(outcome.status), \(group.killCount) killed: \(outcome.errors)")
      let report = try JSON.parse(outcome.output)
      #expect(report["tokens"] == (try JSON.parse(free.output))["tokens"])
      #expect(report["tokens"]?.array?.count == 24)
      #expect(8 << 20...limit ~= (report["peak_resident_bytes"]?.integer ?? 0))
      #expect(try #require(report["memory"]?["bytes_read"]?.integer) > 0)
      #expect(try #require(report["memory"]?["requests"]?.integer) > 0)
    }
  }

  /// A plan is arithmetic: it takes none of the memory that it plans.
  @Test func plansMoreThanItMayHave() throws {
    let path = folder.file("wide.jamba")
    try SyntheticModels.write(to: path, hidden: 32, intermediate: 65536, experts: 1)
    let outcome = try Program.run(
      ["plan", path, "--chunk", "8192", "--memory", "64GiB", "--json"],
      wrapper: ["/bin/sh", "-c", "ulimit -v 3000000; exec \"$0\" \"$@\""], in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    // 8,192 rows of two matrices' outputs alone.
    #expect(try JSON.parse(outcome.output)["total_bytes"]?.integer ?? 0 > 4 << 30, "\(outcome.output)")
  }

  /// Without an option the group's limit is obeyed, also where it is too small.
  @Test(.enabled(if: LimitedGroup.isPermitted, "control groups cannot be made here"))
  func tooSmallAGroupIsAnError() throws {
    let model = try write(experts: 16)
    let group = try LimitedGroup(byteCount: 24 << 20)
    let outcome = try generate(model, wrapper: group.wrapper)
    #expect(outcome.status == 1 && group.killCount == 0)
    #expect(outcome.errors.hasPrefix("jamba: the memory limit of 24MiB of the control group is too little"), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1)
  }

  /// A disk that stops working: while the model is opened, and later.
  @Test func failingReadsAreAnError() throws {
    let library = folder.file("failing_read.so")
    let source = Fixtures.repository + "/Tests/JambaCLITests/Fixtures/failing_read.c"
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["clang", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
    try compiler.run()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0)
    let model = try write(experts: 16)
    for reads in [0, 3, 40, 150, 400] {
      let outcome = try generate(
        model, memory: "44MiB", environment: ["LD_PRELOAD": library, "READS_BEFORE_FAILURE": "\(reads)"])
      #expect(outcome.status == 1, "after \(reads) reads: \(outcome.errors)")
      #expect(outcome.output.isEmpty)
      #expect(
        outcome.errors.hasPrefix("jamba: cannot ") && outcome.errors.contains("Input/output error"), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1)
    }
  }

  /// The file is cut short under a map that is in use.
  @Test func aMappedFileCutShortIsAnError() async throws {
    let model = try write(experts: 1)
    for delay in [0.3, 0.6, 0.9] {
      let copy = folder.file("copy-\(delay).jamba")
      try FileManager.default.copyItem(atPath: model, toPath: copy)
      async let cut: Void = {
        try await Task.sleep(for: .seconds(delay))
        try FileHandle(forWritingTo: URL(fileURLWithPath: copy)).truncate(atOffset: 1 << 20)
      }()
      let outcome = try Program.run(
        ["generate", copy, "--tokens", LimitedMemoryTests.prompt, "-n", "1000000", "--ignore-eos", "--context", "4096"],
        in: folder)
      try await cut
      #expect(outcome.status == 1, "\(outcome.errors)")
      #expect(outcome.errors.hasPrefix("jamba: ") && outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
  }
}
