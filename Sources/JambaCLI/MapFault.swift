#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A mapped model whose pages cannot be had any more: the file was cut short, or its disk fails. The system says so with a
/// signal, which would end the program without a word.
enum MapFault {
  /// From now on SIGBUS ends the program with a sentence and status 1.
  static func catchSignal() {
    var action = sigaction()
    // Only what is safe in a signal's handler: the text is a constant, and nothing is allocated.
    let handler: @convention(c) (Int32) -> Void = { _ in
      let text: StaticString = "jamba: a file in use cannot be read any more: it was cut short, or its disk fails\n"
      _ = write(2, text.utf8Start, text.utf8CodeUnitCount)
      _exit(1)
    }
    #if canImport(Darwin)
      action.__sigaction_u.__sa_handler = handler
    #else
      action.__sigaction_handler.sa_handler = handler
    #endif
    sigaction(SIGBUS, &action, nil)
  }
}
