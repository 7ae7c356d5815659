# SPDX-License-Identifier: BSD-2-Clause
"""The C sources of the library as libclang reads them, for the rules about them.

A Source has the tokens of a file, comments and macro definitions among them, whatever the processor or the options of
a build; and, from its syntax tree, the functions. Needs Debian's python3-clang.
"""
import functools
import glob
import os
import sys

try:
    import clang.cindex as ci
except ImportError:
    ci = None

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Token:
    __slots__ = ("kind", "text", "line", "last")

    def __init__(self, token):
        self.kind = token.kind.name  # PUNCTUATION, KEYWORD, IDENTIFIER, LITERAL, COMMENT
        self.text = token.spelling
        self.line = token.extent.start.line
        self.last = token.extent.end.line


class Source:
    def __init__(self, root, name):
        self.name = name  # from the root
        self.path = os.path.join(root, name)
        with open(self.path, encoding="utf-8") as file:
            self.text = file.read()
        arguments = ["-xc", "-std=gnu11", "-D_GNU_SOURCE", f"-I{root}/lib", f"-I{root}/include"]
        self.unit = ci.Index.create().parse(self.path, arguments,
                                            options=ci.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD)
        self.cursors = [cursor for cursor in self.unit.cursor.get_children()
                        if cursor.location.file and cursor.location.file.name == self.path]

    def errors(self):
        return [str(found) for found in self.unit.diagnostics if found.severity >= ci.Diagnostic.Error]

    @functools.cached_property
    def tokens(self):
        whole = self.unit.get_extent(self.path, (0, len(self.text.encode())))
        return [Token(token) for token in self.unit.get_tokens(extent=whole)]

    def functions(self):
        """Those defined in this file."""
        return [cursor for cursor in self.cursors if cursor.kind == ci.CursorKind.FUNCTION_DECL and cursor.is_definition()]

    def macros(self):
        return [cursor for cursor in self.cursors if cursor.kind == ci.CursorKind.MACRO_DEFINITION]

    def includes(self):
        """(line, name) of each include, also where this build leaves it out."""
        found = []
        tokens = [token for token in self.tokens if token.kind != "COMMENT"]
        for hash_, word in zip(tokens, tokens[1:]):
            if hash_.text == "#" and word.text == "include" and hash_.line == word.line:
                rest = "".join(token.text for token in tokens if token.line == word.line)[len("#include"):]
                found.append((word.line, rest[1:-1]))
        return found


def names(root, folders=("lib", "include")):
    found = [path for folder in folders for kind in ("c", "h")
             for path in glob.glob(f"{folder}/**/*.{kind}", root_dir=root, recursive=True)]
    return sorted(found)


def sources(root, folders=("lib", "include")):
    return {name: Source(root, name) for name in names(root, folders)}


def need(what):
    """Ends with 77, which skips a test, where libclang isn't there."""
    if not ci:
        print(f"tools/check {what}: skipped: libclang isn't there (Debian: python3-clang)")
        sys.exit(77)
