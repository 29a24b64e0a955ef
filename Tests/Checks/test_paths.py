from trees import TreeTest


class PathsTest(TreeTest):
    def test_paths_that_are_not_there(self):
        self.write("README.md", "Call `tools/run` or `tools/walk`.\n\nSee [a page](docs/PAGE.md#part), [none](docs/NONE.md).\n")
        self.write("tools/run", "#!/bin/sh\n# Reads docs/PAGE.md.\nexec tools/measure/it\n")
        self.write("docs/PAGE.md", "[Back](../README.md), [other](OTHER.md)\n")
        self.write("Sources/A/A.swift", "/// As docs/PAGE.md says (and docs/GONE.md).\n")
        self.assertEqual(self.check("paths"), [
            "README.md:1: there is no tools/walk",
            "README.md:3: there is no docs/NONE.md",
            "Sources/A/A.swift:1: there is no docs/GONE.md",
            "docs/PAGE.md:1: there is no OTHER.md",
            "tools/run:3: there is no tools/measure/it",
        ])

    def test_what_is_no_path_here(self):
        self.write("docs/PAGE.md", "https://example.com/docs/x, /usr/share/tools/y, ~/Tests/z, [here](#part), [there](https://example.com/a)\n")
        self.write("tools/run", "docs/PAGE.md. docs/*.md docs/{A,B}.md\n")
        self.assertEqual(self.check("paths"), [])
