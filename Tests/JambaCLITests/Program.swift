import Foundation
import TestSupport

/// The built program, run as a user runs it.
enum Program {
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String
  }

  /// It stands beside the test bundle.
  static let path = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appendingPathComponent("jamba").path

  /// - Parameter wrapper: a program, and its arguments, that runs ours.
  static func run(
    _ arguments: [String], input: String = "", environment: [String: String] = [:], wrapper: [String] = [],
    in folder: TemporaryFolder
  ) throws -> Outcome {
    let standardInput = folder.file("input-" + UUID().uuidString)
    try write(Array(input.utf8), to: standardInput)
    let words = wrapper + [path] + arguments
    let process = Process()
    process.executableURL = URL(fileURLWithPath: words[0])
    process.arguments = Array(words.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: standardInput))
    try process.run()
    let found = output.fileHandleForReading.readDataToEndOfFile()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      output: String(decoding: found, as: UTF8.self), errors: String(decoding: said, as: UTF8.self))
  }
}
