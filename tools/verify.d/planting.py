# SPDX-License-Identifier: BSD-2-Clause
"""Plants bugs in the sources by what they are, not where: a semantic patch of Coccinelle in a function.

An entry of tests/mutants.txt has one or more hunks. Each says in which function or macro it belongs, and has the lines
of a semantic patch: those that begin with - go, those with + come, others stay and must be there. Capital letters stand
for any expression (S for any statement), ... for any arguments. Which file it is in, how it is laid out, and what else
changes in the function doesn't matter.

Coccinelle reads C, and no assembler: in a macro, and so in the processors' texts, the same lines are compared token by
token, without letters and dots.

A hunk must fit exactly `places` places, and these in one file; else it is an error, so that none plants nothing.
"""
import difflib
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../check.d"))
import atomics  # noqa: E402
import csource  # noqa: E402

TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\w+|\s+|/\*.*?\*/|\\\n|.', re.S)

# Macros of ours that Coccinelle can't guess: those that aren't a call.
MACROS = "#define atomic(type) type\n"
# What it trips over, and mustn't see: it takes the names in there for macros.
ATTRIBUTE = re.compile(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)")


class Misfit(Exception):
    """A hunk that fits nowhere, or too often."""


class Relaxation:
    """Instead of a hunk: all operations that cite an ordering as one end of it, made too weak to be that end."""

    def __init__(self, label, end):
        self.label, self.end = label, end

    def weaker(self, name):
        what, order = re.fullmatch(r"(\w+?)_(acq_rel|acq|rel|seq)", name).groups()
        if what == "fence":
            return "fence_rlx"
        if order in ("acq", "rel") or (what == "load" and self.end == "acquire") or (
                what == "store" and self.end == "release"):
            return f"{what}_rlx"
        return f"{what}_{'rel' if self.end == 'acquire' else 'acq'}"

    def plant(self, root, were):
        tree = parsed(root, stamp(root))
        operations = atomics.operations(tree)
        missing = set()
        for name, source in tree.sources("lib/**/*.[ch]").items():
            if self.label not in source.text:
                continue
            edits = [token for statement in atomics.statements(source, operations)
                     if (self.label, self.end) in [label[:2] for label in statement.labels]
                     for token in statement.tokens
                     if self.end in operations.get(token.text, []) and token.text not in atomics.TOLD]
            text = source.text
            for token in reversed(edits):
                missing.add(self.weaker(token.text))
                text = text[:token.begin] + self.weaker(token.text) + text[token.end:]
            if edits:
                rewrite(f"{root}/{name}", text, were)
        if not were:
            raise Misfit(f"no operation is a {self.end} end of {self.label}")
        for header, forms in WEAKER.items():
            text = text_of(f"{root}/{header}")
            more = [form for form in forms if re.match(r"#define (\w+)", form)[1] in missing - set(operations)]
            if more:
                rewrite(f"{root}/{header}", text.rpartition("#endif")[0] + "\n".join(more) + "\n#endif\n", were)


def stamp(root):
    """What the sources are. Parsing them takes seconds, and most relaxations meet the same."""
    return tuple(text_of(path) for path in sources(root))


@functools.lru_cache(maxsize=2)
def parsed(root, _stamp):
    return csource.Tree(root)


# What the library has no use for, and a relaxation has; for the library, and for the model checker.
WEAKER = {
    "lib/base/atomic.h": [
        "#define fence_rlx() ((void)0)",
        "#define fetch_sub_acq(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acquire)",
    ],
    "tests/interleave/seams/base/atomic.h": [
        "#define fence_rlx() ((void)0)",
        "#define fetch_sub_acq(p, v) FETCH_ADD(p, -(v), ACQUIRE)",
    ],
}


class Hunk:
    def __init__(self, where, before=False):
        self.where = where
        self.before = before  # the function, at file scope, not in it
        self.places = 1
        self.lines = []


def copy_sources(root, to):
    """All that bugs are planted in."""
    for folder in ("lib", "include", "tests/interleave/seams"):
        shutil.copytree(f"{root}/{folder}", f"{to}/{folder}")


def sources(root):
    found = []
    for folder in ("lib", "include"):
        for kind in ("c", "h"):
            found += glob.glob(f"{root}/{folder}/**/*.{kind}", recursive=True)
    return sorted(found)


@functools.lru_cache(maxsize=None)
def read(path, _stamp):
    with open(path, encoding="utf-8") as file:
        return file.read()


def text_of(path):
    return read(path, os.stat(path).st_mtime_ns)


def macros(text, name):
    """Where the definitions of a macro begin and end."""
    return [found.span() for found in re.finditer(rf"^[ \t]*#[ \t]*define {name}\b(?:.*\\\n)*.*\n", text, re.M)]


def functions(text, name):
    """Where the functions of that name begin and end. Coccinelle gets no more of the file: that would take longer."""
    return [found.span() for found in re.finditer(rf"^\w[^;\n]*\b{name}\(.*?^}}\n", text, re.M | re.S)]


def is_blank(token):
    return token.isspace() or token == "\\\n" or token.startswith("/*")


def edit_macro(text, span, hunk):
    """The macro's new text, and in how many places it changed."""
    tokens = [token for token in TOKEN.findall(text[span[0]:span[1]])]
    solid = [n for n, token in enumerate(tokens) if not is_blank(token)]
    wanted = []  # (token, does it stay, what comes after it)
    before = ""
    for line in hunk.lines:
        if line[0] == "+":
            if wanted:
                wanted[-1][2] += line[1:]
            else:
                before += line[1:]
            continue
        wanted += [[token, line[0] == " ", ""] for token in TOKEN.findall(line[1:]) if not is_blank(token)]
    places = at = 0
    while at + len(wanted) <= len(solid):
        here = solid[at:at + len(wanted)]
        if any(tokens[n] != want[0] for n, want in zip(here, wanted)):
            at += 1
            continue
        for n, (token, stays, after) in zip(here, wanted):
            tokens[n] = (token if stays else "") + after
        tokens[here[0]] = before + tokens[here[0]]
        places += 1
        at += len(wanted)
    return text[:span[0]] + "".join(tokens) + text[span[1]:], places


def edit_macros(text, hunk):
    places = 0
    for span in reversed(macros(text, hunk.where)):
        text, here = edit_macro(text, span, hunk)
        places += here
    return text, places


def semantic_patch(hunk):
    letters = set(re.findall(r"\b[A-Z]\b", " ".join(hunk.lines)))
    kinds = {"S": "statement S;", "T": "type T;", "V": "identifier V;"}
    head = "".join(kinds.get(letter, f"expression {letter};") + "\n" for letter in sorted(letters))
    if hunk.before:
        return "@@\n@@\n" + "\n".join(hunk.lines) + f"\n {hunk.where}(...)\n {{\n ...\n }}\n"
    return f"@@\n{head}@@\n {hunk.where}(...)\n {{\n <+...\n" + "\n".join(hunk.lines) + "\n ...+>\n }\n"


def edit_functions(text, hunk):
    places = 0
    for span in reversed(functions(text, hunk.where)):
        old = text[span[0]:span[1]]
        new = edit_function(old, hunk)
        places += changes(old, new)
        text = text[:span[0]] + new + text[span[1]:]
    return text, places


def edit_function(text, hunk):
    with tempfile.TemporaryDirectory() as work:
        patch, known, copy = f"{work}/hunk.cocci", f"{work}/macros", f"{work}/function.c"
        for name, content in (patch, semantic_patch(hunk)), (known, MACROS), (copy, ATTRIBUTE.sub(r"/*\g<0>*/", text)):
            with open(name, "w", encoding="utf-8") as file:
                file.write(content)
        run = subprocess.run(["spatch", "--very-quiet", "--no-includes", "--macro-file", known, "--in-place", "--sp-file", patch,
                              copy],
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise Misfit(f"spatch: {(run.stderr or run.stdout).strip()[-1000:]}\n{semantic_patch(hunk)}")
        with open(copy, encoding="utf-8") as file:
            return re.sub(rf"/\*({ATTRIBUTE.pattern})\*/", r"\1", file.read())


def changes(old, new):
    """In how many places texts differ."""
    blocks = difflib.SequenceMatcher(None, old.split("\n"), new.split("\n"), autojunk=False).get_opcodes()
    return sum(block[0] != "equal" for block in blocks)


def plant(root, hunks):
    """Plants an entry's bug in the tree; returns what the changed files were: {path: text}."""
    were = {}
    try:
        for hunk in hunks:
            if isinstance(hunk, Relaxation):
                hunk.plant(root, were)
            else:
                plant_hunk(root, hunk, were)
    except BaseException:
        uproot(were)
        raise
    return were


def plant_hunk(root, hunk, were):
    found = []
    for path in sources(root):
        text = text_of(path)
        if hunk.where not in text:
            continue
        text, places = (edit_macros if macros(text, hunk.where) else edit_functions)(text, hunk)
        if places:
            found.append((path, text, places))
    if not found:
        raise Misfit(f"fits nothing in {hunk.where}:\n" + "\n".join(hunk.lines))
    if len(found) > 1 or found[0][2] != hunk.places:
        raise Misfit(f"fits {' and '.join(f'{places} places of {path}' for path, _, places in found)}, "
                     f"not {hunk.places} of one file:\n" + "\n".join(hunk.lines))
    path, text, _ = found[0]
    rewrite(path, text, were)


def rewrite(path, text, were):
    were.setdefault(path, text_of(path))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def uproot(were):
    for path, text in were.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


class Entry:
    def __init__(self, name):
        self.name = name
        self.what = ""
        self.hunks = []
        self.tests = []  # (build, test, arguments)
        self.quick = False


def read_entries(root):
    entries = []
    table = f"{root}/tests/mutants.txt"
    with open(table, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for number, line in enumerate(lines, 1):
        key, _, rest = line.partition(" ")
        rest = rest.strip()
        entry = entries[-1] if entries else None
        if not line.strip() or line.startswith("#"):
            continue
        if key == "name":
            entries.append(Entry(rest))
        elif entry is None:
            raise Misfit(f"{table}:{number}: no name yet")
        elif key == "what":
            entry.what = rest
        elif key in ("in", "before"):
            entry.hunks.append(Hunk(rest, key == "before"))
        elif key == "relax":
            entry.hunks.append(Relaxation(*rest.split()))
        elif key == "places" and entry.hunks:
            entry.hunks[-1].places = int(rest)
        elif key == "test":
            build, test, *arguments = rest.split(None, 2)
            entry.tests.append((build, test, arguments))
        elif key == "quick":
            entry.quick = True
        elif line.startswith("  ") and entry.hunks and line[2:3] in ("-", "+", " "):
            entry.hunks[-1].lines.append(line[2:])
        else:
            raise Misfit(f"{table}:{number}: what is {line}?")
    for entry in entries:
        if not (entry.what and entry.hunks and entry.tests and all(isinstance(hunk, Relaxation) or hunk.lines for hunk in entry.hunks)):
            raise Misfit(f"{table}: {entry.name} lacks what is wrong, where, or a test")
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise Misfit(f"{table}: {name} is there twice")
    return entries
