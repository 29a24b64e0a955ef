import JambaFormat
import JambaSystem
import Synchronization

/// The counts of a model's experts from one run to the next: in a file beside the model's, `MODEL.jamba.uses`, for as long
/// as that is the same. It changes nothing but what is in memory when; so whatever stands there that is not such a file is
/// none, and a folder that takes no file gets none.
final class UseRecord: Sendable {
  private let path: String
  private let model: JSON
  private let expertCounts: [Int]
  private let progress: Mutex<Progress>

  private struct Progress {
    /// What the file holds, as far as is known.
    var kept: UseCounts?
    var nextTime: Double
  }

  private static let version = 1
  /// Seconds between two savings of a model that stays open.
  private static let interval = 180.0

  /// - Parameter expertCounts: experts of each layer.
  init(_ file: JambaFile, expertCounts: [Int]) {
    path = UseRecord.path(for: file.path)
    model = .object(["bytes": .integer(file.byteCount), "directory": .integer(Int(file.directoryChecksum))])
    self.expertCounts = expertCounts
    progress = Mutex(Progress(nextTime: monotonicSeconds() + UseRecord.interval))
  }

  /// Where the counts for a model file are.
  static func path(for model: String) -> String { model + ".uses" }

  /// The counts kept for this very model; nil where there are none.
  func read() -> UseCounts? {
    let limit = 256 + UseCounts.textLimit(expertCounts: expertCounts)
    guard let text = try? FileSystem.contents(of: path, limit: limit), let json = try? JSON.parse(text),
      json["version"] == .integer(UseRecord.version), json["model"] == model
    else { return nil }
    let counts = UseCounts(json["layers"], expertCounts: expertCounts)
    progress.withLock { $0.kept = counts }
    return counts
  }

  /// Keeps the counts, if they have changed. Of several processes the last one's stay.
  func keep(_ counts: UseCounts) {
    progress.withLock { progress in
      progress.nextTime = monotonicSeconds() + UseRecord.interval
      guard counts != progress.kept, !counts.isEmpty else { return }
      let json = JSON.object(["version": .integer(UseRecord.version), "model": model, "layers": counts.json])
      do throws(SystemError) {
        var output = try AtomicFile(shared: path)
        try output.file.write(Array((json.text() + "\n").utf8), at: 0)
        // What a loss of power may leave half done is none the next time.
        try output.commit(durable: false)
      } catch { return }
      progress.kept = counts
    }
  }

  /// Keeps them if that was last done long ago.
  func keepNowAndThen(_ counts: () -> UseCounts) {
    guard progress.withLock({ monotonicSeconds() >= $0.nextTime }) else { return }
    keep(counts())
  }
}
