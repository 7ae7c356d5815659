# SPDX-License-Identifier: BSD-2-Clause
"""The C sources, for the rules about them. Needs Debian's python3-clang.

A Source has the tokens of a file, comments and macro definitions among them, whatever the processor and the options of
a build; and its functions, as libclang finds them. libclang's own tokens would take twenty times as long. A Tree has
the sources, and may differ from what is on disk: so a check shows that it finds what it looks for, with one file broken
at a time.
"""
import collections
import concurrent.futures
import functools
import glob
import os
import re
import sys

try:
    import clang.cindex as ci
except ImportError:
    ci = None

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
LANGUAGE = ["-xc", "-std=gnu11", "-D_GNU_SOURCE"]


LEXEME = re.compile(r"""
    (?P<COMMENT>     /\*.*?\*/ | //(?:\\\n|[^\n])*)
  | (?P<LITERAL>     (?:\b(?:u8|[uUL]))?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*') | \.?\d(?:[eEpP][+-]|[\w.])*)
  | (?P<IDENTIFIER>  [A-Za-z_]\w*)
  | (?P<PUNCTUATION> \.\.\. | <<= | >>= | -> | \+\+ | -- | << | >> | <= | >= | == | != | && | \|\| | [-+*/%&|^]= | \#\#
                     | [^\s\\])
""", re.S | re.X)


class Token:
    __slots__ = ("kind", "text", "line", "last", "begin", "end")

    def __init__(self, found, line):
        self.kind = found.lastgroup  # PUNCTUATION, IDENTIFIER (keywords too), LITERAL, COMMENT
        self.text = found[0]
        self.line = line
        self.last = line + self.text.count("\n")
        self.begin, self.end = found.span()


class Function:
    """A definition: its name, first and last line, whether it's static, and its tokens without comments."""

    def __init__(self, source, cursor):
        self.name = cursor.spelling
        self.line = cursor.extent.start.line
        self.last = cursor.extent.end.line
        self.is_static = cursor.storage_class == ci.StorageClass.STATIC
        kinds = (ci.CursorKind.PARM_DECL, ci.CursorKind.VAR_DECL, ci.CursorKind.LABEL_STMT)
        self.locals = {inner.spelling for inner in cursor.walk_preorder() if inner.kind in kinds}
        ends = (cursor.extent.start, cursor.extent.end)  # in bytes
        begin, end = (len(source.text.encode()[:place.offset].decode()) for place in ends)
        self.tokens = [token for token in source.tokens if begin <= token.begin < end and token.kind != "COMMENT"]


class Source:
    def __init__(self, root, name, text):
        self.root = root
        self.path = f"{root}/{name}"
        self.text = text

    @functools.cached_property
    def tokens(self):
        found, line, at = [], 1, 0
        for lexeme in LEXEME.finditer(self.text):
            line += self.text.count("\n", at, lexeme.start())
            at = lexeme.start()
            found.append(Token(lexeme, line))
        return found

    @functools.cached_property
    def identifiers(self):
        """How often each is there."""
        return collections.Counter(token.text for token in self.tokens if token.kind == "IDENTIFIER")

    @functools.cached_property
    def functions(self):
        unit = ci.Index.create().parse(self.path, [*LANGUAGE, f"-I{self.root}/lib", f"-I{self.root}/include"],
                                       [(self.path, self.text)])
        return [Function(self, cursor) for cursor in unit.cursor.get_children()
                if cursor.kind == ci.CursorKind.FUNCTION_DECL and cursor.is_definition()
                and cursor.location.file.name == self.path]

    @functools.cached_property
    def macros(self):
        """(name, tokens of the definition) of each macro, in the order of the file; one name may be there twice."""
        found, lines = [], self.text.split("\n")
        tokens = [token for token in self.tokens if token.kind != "COMMENT"]
        for at, token in enumerate(tokens):
            if token.text == "#" and tokens[at + 1].text == "define" and (at == 0 or tokens[at - 1].last < token.line):
                last = token.line
                while lines[last - 1].endswith("\\"):
                    last += 1
                found.append((tokens[at + 2].text, [other for other in tokens[at:] if other.line <= last]))
        return found

    @functools.cached_property
    def includes(self):
        """(line, what) of each include, whatever it depends on."""
        found = []
        for line, text in enumerate(self.text.split("\n"), 1):
            include = re.match(r'\s*#\s*include\s*[<"]([^>"]*)', text)
            if include:
                found.append((line, include[1]))
        commented = {line for token in self.tokens if token.kind == "COMMENT"
                     for line in range(token.line + 1, token.last + 1)}
        return [(line, what) for line, what in found if line not in commented]


class Tree:
    def __init__(self, root=ROOT, base=None, changed=None):
        self.root = root
        self.base = base
        self.changed = changed or {}
        self.read = {}

    def names(self, *patterns):
        return sorted({name for pattern in patterns
                       for name in glob.glob(pattern, root_dir=self.root, recursive=True)
                       if os.path.isfile(f"{self.root}/{name}")})

    def text(self, name):
        if name in self.changed:
            return self.changed[name]
        with open(f"{self.root}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()

    def source(self, name):
        if self.base and name not in self.changed:
            return self.base.source(name)
        if name not in self.read:
            self.read[name] = Source(self.root, name, self.text(name))
        return self.read[name]

    def sources(self, *patterns):
        return {name: self.source(name) for name in self.names(*patterns)}

    def library(self):
        return self.sources("lib/**/*.[ch]", "include/**/*.h")

    def parse_library(self, names=None):
        """Those of the library, or those with one of the names, with their functions: by all processors at once."""
        sources = {name: source for name, source in self.library().items()
                   if names is None or not source.identifiers.keys().isdisjoint(names)}
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda source: source.functions, sources.values()))
        return sources

    def with_change(self, name, pattern, new):
        """This tree with the first match of the pattern in that file replaced; None: what is new comes at its end."""
        old = self.text(name)
        text = old + new + "\n" if pattern is None else re.sub(pattern, new, old, count=1, flags=re.M | re.S)
        return None if text == old else Tree(self.root, self, {name: text})


def run(what, check, broken, harmless=()):
    """A part of tools/check: check(tree) gives complaints; each of the broken must give the one that it has.

    --can-fail checks the tree itself, too: what was read of it is read once. The harmless changes must give none.
    """
    if not ci:
        print(f"tools/check {what}: skipped: libclang isn't there (Debian: python3-clang)")
        sys.exit(77)
    tree = Tree()
    complaints = check(tree)
    if sys.argv[1:] == ["--can-fail"] and not complaints:
        for complaint, *change in [*broken, *((None, *change) for change in harmless)]:
            other = tree.with_change(*change)
            found = check(other) if other else []
            if not other:
                complaints.append(f"tools/check {what}: nothing to change any more in {change[0]} for: {complaint}")
            elif complaint and not any(complaint in one for one in found):
                complaints.append(f"tools/check {what}: not found: {complaint}")
            elif not complaint:
                complaints += [f"tools/check {what}: a harmless change counts: {one}" for one in found]
    for complaint in sorted(set(complaints)):
        print(complaint)
    sys.exit(bool(complaints))
