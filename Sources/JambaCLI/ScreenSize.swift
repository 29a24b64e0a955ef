#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The size of the terminal that the output goes to.
struct ScreenSize: Equatable {
  var columns: Int
  /// Zero where it is not known.
  var rows: Int

  /// nil where the output is no terminal, or one that does not say.
  static var now: ScreenSize? {
    var size = winsize()
    guard Output.isTerminal, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return ScreenSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }
}
