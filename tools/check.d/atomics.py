# SPDX-License-Identifier: BSD-2-Clause
"""The atomic operations of lib/, and the ends of orderings that the comments at them say they are.

A comment belongs to a statement if it stands in its lines, or alone right above it.
"""
import re

BEGINS_WITH_LABEL = re.compile(r"/\*\s*KSEM_ORD_\d+ (?:acquire|release)")
END = re.compile(r"(KSEM_ORD_\d+) (acquire|release)")
# Not operations of ours: what tells ThreadSanitizer of one.
TOLD = {"rcu_tell_acquire": ["acquire"], "rcu_tell_release": ["release"], "rcu_tell_leave": ["release"]}


class Statement:
    def __init__(self, tokens, ends):
        self.tokens = tokens
        self.line, self.last = tokens[0].line, max(token.last for token in tokens)
        self.ends = ends  # acquire, release, relaxed; as often as an operation is one
        self.comments = []

    @property
    def labels(self):
        """(label, end, comment) that the comments which begin with one say."""
        return [(*found, comment) for comment in self.comments if BEGINS_WITH_LABEL.match(comment.text)
                for found in END.findall(comment.text)]


def operations(tree):
    """The names of lib/base/atomic.h: {name: its ends}."""
    found = dict(TOLD)
    for name, tokens in tree.source("lib/base/atomic.h").macros:
        if len(tokens) > 3 and tokens[3].text == "(" and re.search(r"_(rlx|acq|rel|acq_rel|seq)$", name):
            found[name] = {"rlx": ["relaxed"], "acq": ["acquire"], "rel": ["release"]}.get(
                re.search(r"(acq_rel|[a-z]+)$", name)[1], ["acquire", "release"])
    return found if len(found) > len(TOLD) else {}


def directives(source):
    """The lines of preprocessor directives, which end statements: {line: the last line of its directive}."""
    lines = source.text.split("\n")
    found, line = {}, 1
    while line <= len(lines):
        if re.match(r"\s*#", lines[line - 1]):
            first = line
            while lines[line - 1].endswith("\\") and line < len(lines):
                line += 1
            found.update({inner: line for inner in range(first, line + 1)})
        line += 1
    return found


def split(source):
    """Lists of tokens: statements, as far as atomic operations are concerned."""
    directive = directives(source)
    now, depth = [], 0
    for token in source.tokens:
        if token.kind == "COMMENT":
            continue
        if now and directive.get(now[-1].line) != directive.get(token.line):
            yield now
            now, depth = [], 0
        now.append(token)
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth <= 0 and token.text in (";", "{", "}"):
            yield now
            now, depth = [], 0
    if now:
        yield now


def statements(source, names):
    """Those with atomic operations."""
    code = {line for token in source.tokens if token.kind != "COMMENT" for line in range(token.line, token.last + 1)}
    comments = [token for token in source.tokens if token.kind == "COMMENT"]
    for tokens in split(source):
        ends = [end for name, after in zip(tokens, tokens[1:]) if name.text in names and after.text == "("
                for end in names[name.text]]
        if not ends:
            continue
        statement = Statement(tokens, ends)
        for comment in comments:
            alone = not code & set(range(comment.line, comment.last + 1))
            if (alone and comment.last == statement.line - 1
                    or comment.last >= statement.line and comment.line <= statement.last):
                statement.comments.append(comment)
        yield statement
