import Foundation
import JambaSystem
import JambaTemplate
import Testing

/// Outputs compared with those of the reference implementation, byte by byte.
@Suite struct ReferenceTests {
  @Test(arguments: Fixtures.names)
  func rendersTemplatesAsTheReference(_ name: String) throws {
    let (count, differences) = try Fixtures.differences(template: Fixtures.folder.appending(path: "\(name).jinja"))
    #expect(count >= 12)
    for difference in differences { Issue.record("\(name) \(difference)") }
  }

  @Test(.enabled(if: Fixtures.shared != nil), arguments: ["jamba_mini_1_7", "chatml_think"])
  func rendersPublishedTemplatesAsTheReference(_ name: String) throws {
    let folder = try #require(Fixtures.shared)
    let (count, differences) = try Fixtures.differences(template: folder.appending(path: "\(name).jinja"))
    #expect(count >= 12)
    for difference in differences { Issue.record("\(name) \(difference)") }
  }

  /// Expressions and statements one by one; where Python raises, rendering must throw.
  @Test func evaluatesCasesAsTheReference() throws {
    let cases = try Fixtures.lines(Fixtures.folder.appending(path: "cases.jsonl"))
    #expect(cases.count >= 1000)
    try check(cases, output: "output")
  }

  /// Cases beside the checkout, where there are any.
  @Test(.enabled(if: Fixtures.sharedCases != nil)) func evaluatesSharedCasesAsTheReference() throws {
    try check(Fixtures.lines(#require(Fixtures.sharedCases)), output: "expected")
  }

  private func check(_ cases: [JSON], output name: String) throws {
    for line in cases {
      let template = try #require(line["template"]?.string)
      let wanted = line[name]?.string
      do {
        let output = try ChatTemplate(template).render(line["context"]?.object ?? [:])
        guard let wanted, wanted.utf8.elementsEqual(output.utf8) else {
          Issue.record("\(template.debugDescription) is \(output.debugDescription), wanted \(wanted?.debugDescription ?? "an error")")
          continue
        }
      } catch {
        if let wanted {
          Issue.record("\(template.debugDescription): \(error), wanted \(wanted.debugDescription)")
        }
      }
    }
  }
}
