/// Names of files that clients choose.
package enum SlotFile {
  /// A name by itself, which leads nowhere but into a folder: 1 to 100 letters, digits and marks, of which the first is no dot.
  package static func isName(_ name: String) -> Bool {
    1...100 ~= name.utf8.count && !name.hasPrefix(".") && name.utf8.allSatisfy(marks.contains)
  }

  private static let marks = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.".utf8)
}
