# SPDX-License-Identifier: BSD-2-Clause
"""The types of the package: mypy finds no mistake in it, and in a program that uses it just those that are there.

The stub of the extension says what the extension has. Skipped without mypy (Debian: mypy).
"""
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import unittest

import support

support.private_directory()

import ksem  # noqa: E402

if importlib.util.find_spec("mypy") is None:
    support.skip("no mypy")

USES = os.path.join(os.path.dirname(os.path.realpath(__file__)), "typing_uses.py")
PACKAGE = os.path.dirname(os.path.realpath(ksem.__file__))


class Types(unittest.TestCase):
    def mypy(self, *arguments, module="mypy"):
        environment = dict(os.environ, MYPYPATH=os.path.dirname(PACKAGE))
        with tempfile.TemporaryDirectory() as work:
            if module == "mypy":
                arguments += ("--cache-dir", os.path.join(work, "cache"))
            return subprocess.run([sys.executable, "-m", module, *arguments], cwd=work, env=environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_the_package(self):
        for version in ("3.9", "3.11"):
            ran = self.mypy("--strict", "--python-version", version, "-p", "ksem")
            self.assertEqual(ran.returncode, 0, ran.stdout)

    def test_a_program(self):
        with open(USES, encoding="utf-8") as file:
            expected = {number for number, line in enumerate(file, 1) if "# mistake" in line}
        ran = self.mypy("--strict", USES)
        found = {int(number) for number in re.findall(r"typing_uses\.py:(\d+): error", ran.stdout)}
        self.assertEqual(found, expected, ran.stdout)

    def test_the_stub(self):
        ran = self.mypy("ksem._ksem", module="mypy.stubtest")
        self.assertEqual(ran.returncode, 0, ran.stdout)


if __name__ == "__main__":
    support.main()
