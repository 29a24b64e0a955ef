import Foundation
import FuzzTargets
import Testing

/// Damaged inputs, the same every time: a few seconds of what `tools/fuzz` does for hours. Each target runs in a process of its
/// own, so that time and memory are its alone.
@Suite struct FuzzTests {
  @Test(arguments: FuzzTarget.all.keys.sorted())
  func damagedInputsDoNoHarm(_ name: String) throws {
    let folder = NSTemporaryDirectory() + "jamba-fuzz-" + UUID().uuidString
    let process = Process()
    // It stands beside the test bundle.
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appendingPathComponent("fuzz")
    process.arguments = [name, "--output", folder]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let isSound = process.terminationReason == .exit && process.terminationStatus == 0
    // What found something stays, to be looked at.
    if isSound { try FileManager.default.removeItem(atPath: folder) }
    #expect(isSound, "\(said)")
  }
}
