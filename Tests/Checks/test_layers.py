import runpy
import sys

from trees import REPOSITORY, TreeTest

sys.path.append(str(REPOSITORY / "tools/check"))
LAYERS = runpy.run_path(str(REPOSITORY / "tools/check/layers"))

FLOORS = (("CBase", "CMath"), ("Left", "Right"), ("Top",))
USERS = {"CBase": ("Left", "Right"), "CMath": ("Left/Low",)}
FOLDERS = {"Left": ("Low", "High")}
PACKAGE = """
let package = Package(
  name: "made-up", products: [.library(name: "Top", targets: ["Top"])],
  dependencies: [.package(url: "https://example.com/other", from: "1.0.0")],
  targets: [
    .target(name: "CBase", path: "CSupport/CBase"), .target(name: "CMath", path: "CSupport/CMath"),
    .target(name: "Left", dependencies: ["CBase", "CMath"]),  // .target(name: "None")
    .target(name: "Right", dependencies: [RIGHT]),
    .executableTarget(name: "Top", dependencies: ["Left", .product(name: "Other", package: "other"), .target(name: "Right")]),
    .executableTarget(name: "measure", dependencies: ["CMath", "Top"], path: "tools/measure"),
    .testTarget(name: "Tests", dependencies: ["CMath", "Top"]),
  ])
"""


class LayersTest(TreeTest):
    def setUp(self):
        super().setUp()
        self.write("Package.swift", PACKAGE.replace("RIGHT", '"CBase"'))
        self.write("Sources/Left/Left.swift", "public struct Whole { let high: High; let low: Low }\n")
        self.write("Sources/Left/High/High.swift", "import CBase\n\nstruct High { let low: Low }\n")
        self.write("Sources/Left/Low/Low.swift", "import CMath\nimport Other\n\nstruct Low {}\n")
        self.write("CSupport/CBase/base.c", "")
        self.write("CSupport/CMath/math.c", "")
        self.write("Sources/Right/Right.swift", "internal import CBase\n\npublic struct Right {}\n")
        self.write("Sources/Top/Top.swift", "@testable import Left\npublic import struct Right.Right\n\nlet top = Left.High.self\n")

    def findings(self):
        return list(LAYERS["findings"](self.root, FLOORS, FOLDERS, USERS))

    def low(self, text):
        """What is found when this stands in the lower folder."""
        self.write("Sources/Left/Low/More.swift", text)
        return [line.removeprefix("Sources/Left/Low/More.swift:") for line in self.findings()]

    def test_all_one_way(self):
        self.assertEqual(self.findings(), [])

    def test_imports_that_run_back(self):
        self.write("Sources/Right/More.swift", "// import Top\n/* import Top */\n@_spi(A) @_exported import Top\n\nimport class Left.Whole\n")
        self.write("Sources/Top/More.swift", "import CBase\n")
        self.write("Sources/Left/High/More.swift", "import CMath\n")
        self.assertEqual(self.findings(), [
            "Sources/Left/High/More.swift:1: Left/High imports CMath, which is for Left/Low",
            "Sources/Right/More.swift:3: Right imports Top, which is above it",
            "Sources/Right/More.swift:5: Right imports Left, which is on the same floor",
            "Sources/Top/More.swift:1: Top imports CBase, which is for Left, Right",
        ])

    def test_dependencies_that_run_back(self):
        self.write("Package.swift", PACKAGE.replace("RIGHT", '"Top", "Left", "CMath", "measure"'))
        self.assertEqual(self.findings(), [
            "Package.swift:8: Right imports Top, which is above it",
            "Package.swift:8: Right imports Left, which is on the same floor",
            "Package.swift:8: Right imports CMath, which is for Left/Low",
            "Package.swift:8: Right imports measure, which is on no floor",
        ])

    def test_what_a_list_or_the_repository_has_alone(self):
        self.write("Package.swift", PACKAGE.replace("RIGHT", "").replace('"CBase"', '"CNew"'))
        self.write("Sources/New/New.swift", "")
        self.write("Sources/Left/Middle/Middle.swift", "")
        (self.root / "Sources/Left/High/High.swift").unlink()
        (self.root / "CSupport/CMath/math.c").unlink()
        (self.root / "CSupport/CMath").rmdir()
        self.assertEqual(self.findings(), [
            "Package.swift:6: CNew is on no floor",
            "Package.swift:7: Left imports CNew, which is on no floor",
            "Package.swift: there is no target CBase",
            "Sources/New: is on no floor",
            "Package.swift: there is no folder of CMath",
            "Sources/Left: there is no Swift file in High",
            "Sources/Left: Middle is not in the list of folders",
        ])

    def test_names_that_run_back(self):
        self.assertEqual(
            self.low("extension High {\n  func f(_ a: [Left.High?], _ b: Whole) {}\n}\nlet range = 0...Whole.count\n"), [
                "1: Low names High, of High above it", "2: Low names High, of High above it", "2: Low names Whole, of the files above it",
                "4: Low names Whole, of the files above it"])
        self.write("Sources/Left/High/Function.swift", "func rise() {}\ntypealias Highest = High\nprotocol Rising {}\nlet height = 1\n")
        self.assertEqual(self.low("struct A: Rising { let a = height, b = rise() }\nfunc f(_: Highest) {}\n"), [
            f"{line}: Low names {name}, of High above it" for line, name in [(1, "Rising"), (1, "height"), (1, "rise"), (2, "Highest")]])

    def test_comments_and_strings(self):
        self.assertEqual(self.low('''
            // High, /* and
            /* High /* High */ "High */
            let a = "High \\" High // High", b = #"High " \\(High)"#, c = """
              High " High \\("High")
              """, d = ""
            '''), [])
        self.assertEqual(self.low('let a = "(\\(f("\\(High.a)", (1)) + Whole.b) High"\nlet b = #"\\#(High.c) High"#\n'), [
            "1: Low names High, of High above it", "1: Low names Whole, of the files above it", "2: Low names High, of High above it"])

    def test_members_are_not_names(self):
        self.assertEqual(self.low("let a = Low.High, b = low.High(), c: Low\n  .High = .High\n"), [])

    def test_names_with_several_declarations(self):
        self.write("Sources/Left/High/Common.swift", "struct Entry {}\nfunc measure() {}\nprivate struct Hidden {}\n@frozen fileprivate enum Own {}\n")
        entry = "1: Low names Entry, of High above it"
        self.assertEqual(self.low("let a: Entry\n"), [entry])
        # Private there: another one is meant. Private here: this one is.
        self.assertEqual(self.low("let a: Hidden, b: Own\n"), [])
        self.assertEqual(self.low("private struct Entry {}\nlet a: Entry\n"), [])
        # Private in another file: not this one.
        self.write("Sources/Left/Low/Other.swift", "private struct Entry {}\n")
        self.assertEqual(self.low("let a: Entry\n"), [entry])
        # A generic parameter, a parameter, a method.
        self.assertEqual(self.low("struct A<Entry: P, B> { let a: Entry }\nfunc f<each Entry>(_: repeat each Entry) {}\n"), [])
        self.assertEqual(self.low("func f(measure: () -> Void) { measure() }\n"), [])
        self.assertEqual(self.low("struct A { func f() { measure() }\n  class func measure() {} }\n"), [])

    def test_nested_types(self):
        self.write("Sources/Left/High/Nested.swift", "struct Outer { struct Part {}\n  enum Only {} }\nextension High { struct Inside {} }\nstruct Part {}\n")
        self.assertEqual(self.low("let a: Only, b: Inside\n"), [])
        self.assertEqual(self.low("let a: Part\n"), ["1: Low names Part, of High above it"])
        # Nested in a type of the lower folder, and meant wherever that is extended.
        self.write("Sources/Left/Low/Low.swift", "struct Low { struct Part {} }\n")
        self.assertEqual(self.low("extension Low { func f(_: Part) {} }\n"), [])
        self.assertEqual(self.low("struct A { func f(_: Part) {} }\n"), ["1: Low names Part, of High above it"])

    def test_declared_in_both_folders(self):
        # As where a condition of compilation chooses.
        self.write("Sources/Left/High/Both.swift", "struct Both {}\n")
        self.write("Sources/Left/Low/Both.swift", "struct Both {}\n")
        self.assertEqual(self.low("let a: Both\n"), [])
