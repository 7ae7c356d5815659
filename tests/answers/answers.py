#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the calls answer is what tests/answers/errors.txt lists, which tools/check docs compares with the manual pages.

Runs tests that were linked with answers.c, in private and in shared namespaces: those named *_sharing* in shared ones
alone, which they make themselves. Fails where a call answers what isn't listed at it, and where nothing shows what is
listed.

  tests/answers/answers.py ERRORS PROGRAM ...
"""
import errno
import os
import subprocess
import sys
import tempfile

if os.geteuid() != 0:
    print("skipped: of an ordinary user, not all errors can be shown")
    sys.exit(77)
listed, unshown = {}, set()
for line in open(sys.argv[1], encoding="utf-8"):
    calls, _, errors = line.partition("#")[0].partition(":")
    for call in calls.split():
        for error in errors.split():
            listed.setdefault(call, set()).add(error.strip("()"))
            if error.startswith("("):
                unshown.add((call, error.strip("()")))

answered = {}
with tempfile.TemporaryDirectory() as work:
    path = os.path.join(work, "answers")
    for program in sys.argv[2:]:
        for shared in ({},) if "_sharing" in os.path.basename(program) else ({}, {"KSEM_TEST_SHARED": "1"}):
            run = subprocess.run([program], env={**os.environ, **shared, "KSEM_TEST_ANSWERS": path},
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if run.returncode == 77:
                print(run.stdout.decode(errors="replace"))
                sys.exit(77)
            if run.returncode:
                print(run.stdout.decode(errors="replace"))
                sys.exit(f"{program} {shared}: ended with {run.returncode}")
    for line in open(path, encoding="utf-8"):
        call, number = line.split()
        if number != "0":
            answered.setdefault(call, set()).add(errno.errorcode.get(int(number), number))

bad = False
for call in sorted(set(listed) | set(answered)):
    for error in sorted(answered.get(call, set()) - listed.get(call, set())):
        print(f"{call} answers {error}, which isn't listed")
        bad = True
    for error in sorted(listed.get(call, set()) - answered.get(call, set())):
        if (call, error) not in unshown:
            print(f"{call} never answers {error}, which is listed")
            bad = True
print(sum(map(len, answered.values())), "errors of", len(answered), "calls")
sys.exit(bad or not answered)
