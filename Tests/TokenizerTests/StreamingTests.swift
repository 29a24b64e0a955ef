import JambaText
import Testing

/// Pushing ids one by one gives what decoding them at once gives, and never half a character.
struct StreamingTests {
  @Test(arguments: ["prepend", "metaspace"])
  func fixtureLines(_ name: String) throws {
    let tokenizer = try Fixtures.tokenizer(name)
    for line in try Fixtures.lines(name) {
      let ids = line["ids_with_special"]!.ids
      for skips in [false, true] {
        let whole = tokenizer.decode(ids, skipSpecialTokens: skips)
        #expect(scalars(streamed(ids, tokenizer, skipSpecialTokens: skips)) == scalars(whole))
      }
    }
  }

  @Test(arguments: 0..<4)
  func randomIDs(seed: Int) throws {
    let tokenizer = try Fixtures.tokenizer("metaspace")
    let bytes = (0..<256).map { byteID(UInt8($0), tokenizer) }
    var random = SplitMix(state: UInt64(seed))
    for _ in 0..<500 {
      var ids: [Int32] = []
      for _ in 0..<Int.random(in: 0...12, using: &random) {
        switch Int.random(in: 0..<5, using: &random) {
        case 0, 1: ids.append(Int32.random(in: 0..<4096, using: &random))
        case 2: ids.append(bytes.randomElement(using: &random)!)
        case 3: ids += "🙂né\n".utf8.prefix(Int.random(in: 1...8, using: &random)).map { bytes[Int($0)] }
        default: ids.append([-1, .min, .max, 4096].randomElement(using: &random)!)
        }
      }
      for skips in [false, true] {
        let whole = tokenizer.decode(ids, skipSpecialTokens: skips)
        #expect(scalars(streamed(ids, tokenizer, skipSpecialTokens: skips)) == scalars(whole), "\(ids)")
      }
    }
  }

  @Test func bytesWaitForTheWholeCharacter() throws {
    let tokenizer = try Fixtures.tokenizer("metaspace")
    var detokenizer = StreamingDetokenizer(tokenizer: tokenizer)
    let smile = "🙂".utf8.map { byteID($0, tokenizer) }
    #expect(smile.map { detokenizer.push($0) } == ["", "", "", ""])
    #expect(detokenizer.push(tokenizer.id(of: "▁the")!) == "🙂 the")
    #expect(detokenizer.push(smile[0]) == "")
    #expect(detokenizer.finish() == "\u{FFFD}")
  }

  @Test func oneInvalidByteSpoilsItsRun() throws {
    let tokenizer = try Fixtures.tokenizer("metaspace")
    let ids = [0x0A, 0xFF].map { byteID($0, tokenizer) }
    #expect(streamed(ids, tokenizer) == "\u{FFFD}\u{FFFD}")
    #expect(streamed([ids[0], tokenizer.id(of: "a")!, ids[1]], tokenizer) == "\na\u{FFFD}")
  }

  @Test func afterTextTheFirstSpaceStays() throws {
    let tokenizer = try Fixtures.tokenizer("metaspace")
    let ids = tokenizer.encode("the end", addSpecialTokens: false)
    #expect(streamed(ids, tokenizer) == "the end")
    #expect(streamed(ids, tokenizer, afterText: true) == " the end")
    // The space is stripped at the beginning only, even if tokens without text come first.
    #expect(streamed([-5] + ids, tokenizer) == "the end")
  }

  private func byteID(_ byte: UInt8, _ tokenizer: Tokenizer) -> Int32 {
    let digits = String(byte, radix: 16, uppercase: true)
    return tokenizer.id(of: "<0x" + (byte < 16 ? "0" : "") + digits + ">")!
  }
}
