import JambaFormat
import JambaSystem
import JambaText

/// Texts that answers are expected to repeat parts of, such as the documentation or the code that they are about: what follows
/// the last tokens there is a guess of what comes next.
///
/// Places are sorted by the tokens that stand there, the first `sortedCount` of them (a suffix array that looks no farther): so
/// the longest match of a context is found by binary search, and of many matches what follows most of them.
///
/// Nothing changes in it once it is made.
@safe
package final class DraftText: @unchecked Sendable {
  /// So many bytes all files may have: an index of as much takes seconds.
  static let mostBytes = 16 << 20
  /// Tokens by which places are told apart.
  private static let sortedCount = 24
  /// Memory of a byte of text. A token takes 8, in the text and its place, and the files of a vocabulary that fits them have one
  /// for every three or four bytes; of files with more the end is left out.
  private static let bytesPerByte = 3
  private static let bytesPerToken = 2 * MemoryLayout<Int32>.stride
  /// Bytes that are made tokens together.
  private static let partByteCount = 1 << 16

  /// Keeps the memory.
  private let owner: AnyObject
  /// Tokens of all texts, one behind the other.
  private let tokens: UnsafeMutablePointer<Int32>
  /// Where the text that comes first in order begins, and so on.
  private let places: UnsafeMutablePointer<Int32>
  package let count: Int

  /// Memory for the texts of these files.
  ///
  /// - Throws: `format` for one that cannot be read, `invalidOption` when there is more than `mostBytes`.
  static func byteCount(of paths: [String]) throws(JambaError) -> Int {
    var byteCount = 0
    for path in paths {
      do throws(SystemError) { byteCount += try FileDescriptor.open(reading: path).regularFileSize() } catch {
        throw .format(.system(action: "read", path: path, error))
      }
      guard byteCount <= mostBytes else {
        throw .invalidOption("texts to guess from may have \(MemoryLimit.text(mostBytes)) together, and with \(path) they have more")
      }
    }
    return byteCount == 0 ? 0 : SystemMemory.wholePages(max(bytesPerByte * byteCount, bytesPerToken))
  }

  /// Reads files. What is no UTF-8 becomes U+FFFD, which nothing matches.
  ///
  /// - Returns: nil for texts without a token.
  /// - Throws: as `byteCount`, `memoryLimitReached`.
  static func load(_ paths: [String], _ tokenizer: Tokenizer, _ sessions: SessionMemory) throws(JambaError) -> DraftText? {
    let byteCount = try byteCount(of: paths)
    guard byteCount > 0 else { return nil }
    let memory = try sessions.makeBuffer(byteCount: byteCount, context: 0)
    let room = unsafe memory.bytes.bindMemory(to: Int32.self)
    var count = 0
    func append(_ new: [Int32]) {
      for token in new where count < byteCount / bytesPerToken {
        unsafe room[count] = token
        count += 1
      }
    }
    for path in paths {
      do throws(SystemError) {
        let file = try FileDescriptor.open(reading: path)
        try read(file, byteCount: file.regularFileSize()) { append(tokenizer.encode($0, addSpecialTokens: false, parseSpecialTokens: false)) }
      } catch { throw .format(.system(action: "read", path: path, error)) }
    }
    return count == 0 ? nil : unsafe DraftText(room.baseAddress!, count, owner: memory)
  }

  /// Hands out a file's text in parts that end with a line, where a line is not too long for that.
  private static func read(
    _ file: borrowing FileDescriptor, byteCount: Int, _ body: (String) -> Void
  ) throws(SystemError) {
    var position = 0
    while position < byteCount {
      var part = [UInt8](repeating: 0, count: min(partByteCount, byteCount - position))
      var failure: SystemError?
      unsafe part.withUnsafeMutableBytes { bytes in
        do throws(SystemError) { unsafe try file.read(into: bytes, at: position) } catch { failure = error }
      }
      if let failure { throw failure }
      if position + part.count < byteCount, let end = part.lastIndex(of: UInt8(ascii: "\n")) { part.removeSubrange((end + 1)...) }
      position += part.count
      body(String(decoding: part, as: UTF8.self))
    }
  }

  /// - Parameter tokens: with room for as many places behind them, for as long as there is `owner`.
  private init(_ tokens: UnsafeMutablePointer<Int32>, _ count: Int, owner: AnyObject) {
    unsafe self.tokens = tokens
    unsafe places = tokens + count
    self.count = count
    self.owner = owner
    for place in 0..<count { unsafe places[place] = Int32(place) }
    var random = SplitMix64(seed: 1)
    sort(0..<count, behind: 0, &random)
  }

  package convenience init(tokens: [Int32]) throws(SystemError) {
    let memory = try AlignedBuffer(byteCount: max(1, tokens.count) * DraftText.bytesPerToken)
    for (index, token) in tokens.enumerated() { unsafe memory.pointer()[index] = token }
    unsafe self.init(memory.pointer(), tokens.count, owner: memory)
  }

  /// The token so many behind a place; less than any where the text ends before.
  private func token(behind place: Int32, _ distance: Int) -> Int32 {
    let index = Int(place) + distance
    return index < count ? unsafe tokens[index] : -1
  }

  /// Sorts places that have the same `common` tokens, by those behind them: quicksort of strings by one token after the other, in
  /// place.
  private func sort(_ range: Range<Int>, behind common: Int, _ random: inout SplitMix64) {
    var (range, common) = (range, common)
    while range.count > 1, common < DraftText.sortedCount {
      let pivot = unsafe token(behind: places[range.lowerBound + Int(random.next() % UInt64(range.count))], common)
      var (less, next, more) = (range.lowerBound, range.lowerBound, range.upperBound)
      while next < more {
        let place = unsafe places[next]
        let token = token(behind: place, common)
        if token < pivot {
          unsafe places[next] = places[less]
          unsafe places[less] = place
          less += 1
          next += 1
        } else if token > pivot {
          more -= 1
          unsafe places[next] = places[more]
          unsafe places[more] = place
        } else {
          next += 1
        }
      }
      // The largest part goes on here, so that calls are never deep. Behind the end nothing is left to sort by.
      var parts = [(range.lowerBound..<less, common), (more..<range.upperBound, common)]
      if pivot >= 0 { parts.append((less..<more, common + 1)) }
      let largest = parts.indices.max { parts[$0].0.count < parts[$1].0.count }!
      for index in parts.indices where index != largest { sort(parts[index].0, behind: parts[index].1, &random) }
      (range, common) = parts[largest]
    }
  }

  // MARK: Looking up

  /// Where the longest end of `context` is found that has at least `least` tokens: the place behind it, of those with most that is the same
  /// for `limit` tokens.
  package func continuation(of context: [Int32], least: Int, limit: Int) -> (place: Int, matched: Int)? {
    let context = Array(context.suffix(DraftText.sortedCount))
    guard context.count >= least else { return nil }
    var (matched, places) = (least, self.places(of: context.suffix(least)))
    guard !places.isEmpty else { return nil }
    // Where an end occurs, those that are shorter do, too.
    var most = context.count
    while matched < most {
      let middle = (matched + most + 1) / 2
      let found = self.places(of: context.suffix(middle))
      if found.isEmpty { most = middle - 1 } else { (matched, places) = (middle, found) }
    }
    var common = matched
    let end = min(common + limit, DraftText.sortedCount)
    while places.count > 1, common < end {
      places = narrow(places, behind: common, commonest(places, behind: common))
      common += 1
    }
    let place = unsafe Int(self.places[places.lowerBound]) + matched
    return place < count ? (place, matched) : nil
  }

  /// Up to `limit` tokens from a place on.
  package func tokens(at place: Int, limit: Int) -> ArraySlice<Int32> {
    unsafe Array(UnsafeBufferPointer(start: tokens + place, count: max(0, min(limit, count - place))))[...]
  }

  /// Where these tokens stand.
  private func places(of tokens: ArraySlice<Int32>) -> Range<Int> {
    /// How what stands at a place differs from them: below zero if it comes before them.
    func order(_ place: Int32) -> Int {
      for (index, token) in tokens.enumerated() {
        let other = self.token(behind: place, index)
        if other != token { return other < token ? -1 : 1 }
      }
      return 0
    }
    let first = firstPlace(in: 0..<count) { order($0) >= 0 }
    return first..<firstPlace(in: first..<count) { order($0) > 0 }
  }

  /// Those of some places with the same first `common` tokens where `token` comes next.
  private func narrow(_ range: Range<Int>, behind common: Int, _ token: Int32) -> Range<Int> {
    let first = firstPlace(in: range) { self.token(behind: $0, common) >= token }
    return first..<firstPlace(in: first..<range.upperBound) { self.token(behind: $0, common) > token }
  }

  /// The first place from which on something is true.
  private func firstPlace(in range: Range<Int>, where isTrue: (Int32) -> Bool) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
      let middle = low + (high - low) / 2
      if unsafe isTrue(places[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The token that comes next at most of the places, as a sample of them says; less than any where all of them end the text.
  private func commonest(_ range: Range<Int>, behind common: Int) -> Int32 {
    let samples = min(range.count, 15)
    var (best, bestCount): (Int32, Int) = (-1, 0)
    var (token, count): (Int32, Int) = (-1, 0)
    for sample in 0..<samples {
      let next = unsafe self.token(behind: places[range.lowerBound + sample * range.count / samples], common)
      count = next == token ? count + 1 : 1
      token = next
      if next >= 0, count > bestCount { (best, bestCount) = (token, count) }
    }
    return best
  }
}
