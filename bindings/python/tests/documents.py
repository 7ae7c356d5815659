# SPDX-License-Identifier: BSD-2-Clause
"""What docs/python.md shows is so: its sessions (>>>), and its programs. And the docstrings of the package.

    documents.py SOURCE
"""
import doctest
import os
import re
import subprocess
import sys
import unittest

import support

support.private_directory()

import ksem  # noqa: E402
import ksem.aio  # noqa: E402
import ksem.mp  # noqa: E402

PAGE = os.path.join(sys.argv.pop(1), "docs", "python.md") if len(sys.argv) > 1 else ""
OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def blocks(language):
    """(line, text) of each block of the page in that language."""
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, flags=re.S | re.M):
        yield text[:match.start()].count("\n") + 2, match.group(1)


class Documents(unittest.TestCase):
    def test_sessions(self):
        runner, globs, found = doctest.DocTestRunner(optionflags=OPTIONS), {}, 0
        for line, text in blocks("pycon"):
            found += 1
            session = doctest.DocTestParser().get_doctest(text, globs, "python.md", PAGE, line - 1)
            runner.run(session, clear_globs=False)
            globs = session.globs
        self.assertEqual(runner.failures, 0)
        self.assertGreater(found, 0)

    def test_programs(self):
        found = 0
        for line, text in blocks("python"):
            found += 1
            ran = subprocess.run([sys.executable, "-X", "dev", "-c", text], timeout=support.LIMIT, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            said = "".join(f"{comment}\n" for comment in re.findall(r"# prints (.*)", text))
            self.assertEqual((ran.returncode, ran.stdout), (0, said), f"the program at line {line}")
        self.assertGreater(found, 2)

    def test_docstrings(self):
        for module in (ksem, ksem.aio, ksem.mp):
            result = doctest.testmod(module, optionflags=OPTIONS)
            self.assertEqual(result.failed, 0)
            self.assertGreater(result.attempted, 0)

    def test_everything_public_is_documented(self):
        for module in (ksem, ksem.aio, ksem.mp):
            for name in module.__all__:
                thing = getattr(module, name)
                self.assertTrue(thing.__doc__, name)
                if isinstance(thing, type) and not issubclass(thing, (tuple, Exception)):
                    for member in dir(thing):
                        if not member.startswith("_"):
                            self.assertTrue(getattr(thing, member).__doc__, f"{name}.{member}")
                            with open(PAGE, encoding="utf-8") as page:
                                self.assertIn(member, page.read())


if __name__ == "__main__":
    if not PAGE:
        sys.exit(__doc__)
    support.main()
