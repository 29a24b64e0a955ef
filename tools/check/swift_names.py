"""Reads names from Swift files, without a compiler: what is declared where, and what is named."""
import collections
import re

COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*|(#*)("""|")|[()]')
IMPORT = re.compile(
    r"(?:^|;)[ \t]*(?:@\w+(?:\([^)]*\))?\s+)*(?:\w+[ \t]+)?import[ \t]+"
    r"(?:(?:struct|class|enum|protocol|typealias|func|let|var)[ \t]+)?(\w+)", re.M)
STRUCTURE = re.compile(
    r"[{}]|\b(struct|class(?!\s+(?:func|var|let)\b)|enum|actor|protocol|extension|typealias|associatedtype|func|let|var)\s+`?(\w+)")
GENERIC = re.compile(r"\b(?:(?:struct|class|enum|actor|typealias|func)\s+\w+|init\??|subscript)\s*<([^>(){]*)>")
LABEL = re.compile(r"\b([a-z_]\w*)\s*:")
# A name that is not a member of something; a range's end is none.
NAME = re.compile(r"(?<![\w@#])(?<!(?<!\.\.)\.)[A-Za-z_]\w*")


def code(text):
    """The text with blanks in place of comments and strings. What strings interpolate is code, and stays."""
    out, at, around = [], 0, []  # around: of strings whose interpolation we are in, their ends and the open parentheses

    def blank(end):
        nonlocal at
        out.append(re.sub(r"[^\n]", " ", text[at:end]))
        at = end

    def string(hashes, quote):
        line_end = r"|\n" if quote == '"' else ""
        part = re.compile(rf"{quote}{hashes}|\\{hashes}(\(|.){line_end}", re.S).search(text, at)
        while part and part[1] and part[1] != "(":
            part = part.re.search(text, part.end())
        blank(part.end() if part else len(text))
        if part and part[1]:
            around.append([hashes, quote, 1])

    while found := COMMENT_OR_STRING.search(text, at):
        out.append(text[at:found.start()])
        at, token = found.start(), found[0]
        if token.startswith("//"):
            blank(found.end())
        elif token == "/*":
            depth, end = 0, at
            while end < len(text) and (depth or end == at):
                mark = text[end:end + 2]
                depth += {"/*": 1, "*/": -1}.get(mark, 0)
                end += 2 if mark in ("/*", "*/") else 1
            blank(end)
        elif token in "()":
            if around:
                around[-1][2] += 1 if token == "(" else -1
            if around and around[-1][2] == 0:
                blank(found.end())
                string(*around.pop()[:2])
            else:
                out.append(token)
                at += 1
        else:
            blank(found.end())
            string(found[1], found[2])
    return "".join(out) + text[at:]


class File:
    """A Swift file as far as names go.

    `shared` are the declarations of its top that other files can name, `own` what only this file can mean by a name: private
    declarations, generic parameters, parameters. `members` has, for each type that is declared or extended at the top, what
    is declared inside.
    """

    def __init__(self, path, module):
        self.path = path
        # What follows the module's own name is named as if that were not there.
        self.code = re.sub(rf"\b{module}\.", " " * (len(module) + 1), code(path.read_text(encoding="utf-8")))
        self.shared, self.own, self.members = set(), set(LABEL.findall(self.code)), collections.defaultdict(set)
        for found in GENERIC.finditer(self.code):
            self.own.update(re.findall(r"(?:^|,)\s*(?:let\s+|each\s+)?(\w+)", found[1]))
        depth, outer, coming, last = 0, None, None, 0
        for found in STRUCTURE.finditer(self.code):
            kind, name = found.groups()
            if found[0] == "{":
                outer = coming if depth == 0 else outer
                depth += 1
            elif found[0] == "}":
                depth -= 1
                coming = coming if depth else None
            else:
                if depth > 0:
                    self.members[outer].add(name)
                elif kind == "extension":
                    self.members[name].update()
                elif re.search(r"\b(?:file)?private\b(?!\()", self.code[last:found.start()]):
                    self.own.add(name)
                else:
                    self.shared.add(name)
                coming = coming if depth > 0 else name
            last = found.end()

    def names(self):
        """(name, line) of each name that is not a member of what stands before it."""
        for found in NAME.finditer(self.code):
            yield found[0], self.code.count("\n", 0, found.start()) + 1


def imports(path):
    """(module, line) of each import."""
    text = code(path.read_text(encoding="utf-8"))
    for found in IMPORT.finditer(text):
        yield found[1], text.count("\n", 0, found.start(1)) + 1
