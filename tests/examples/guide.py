#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The programs of docs/guide.md: each builds without a warning, does what the page says, and stands there as it is.

    tests/examples/guide.py LIBRARY SOURCE      LIBRARY: the folder of libksem.so; with the compiler CC

A program is examples/guide/NAME.c. The page names the file and has its text, without the line of the licence, in the
block of C that follows, of at most 40 lines.
"""
import glob
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIMIT = 60  # seconds for what should take none
library, source = (os.path.realpath(path) for path in sys.argv[1:3])
failed = []


class Program:
    """One that runs; it is killed if a check leaves it behind."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def says_within(self, seconds):
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def line(self):
        must(self.says_within(LIMIT), "a line within a minute")
        return self.process.stdout.readline().decode().rstrip("\n")

    def signal(self, number):
        self.process.send_signal(number)

    def end_input(self):
        self.process.stdin.close()

    def ends(self, status=0):
        must(self.process.wait(LIMIT) == status, f"exit status {status}")


def must(true, what):
    if not true:
        raise AssertionError(what)


def prints(*lines):
    def check(program):
        with Program(program) as running:
            must([running.line() for _ in lines] == list(lines), "the output: " + "; ".join(lines))
            running.ends()
    return check


def answers(client):
    return bool(select.select([client], [], [], 0.1)[0]) and client.recv(1) == b"x"


def connection_limit(program):
    with Program(program) as server:
        port = int(re.fullmatch(r"port (\d+)", server.line()).group(1))
        clients = [socket.create_connection(("127.0.0.1", port), LIMIT) for _ in range(3)]
        for client in clients:
            client.sendall(b"x")
            must(client.recv(1) == b"x", "the first three clients are served")
        fourth = socket.create_connection(("127.0.0.1", port), LIMIT)
        fourth.sendall(b"x")
        must(not answers(fourth), "the fourth one waits")
        clients[1].close()
        must(fourth.recv(1) == b"x", "it is served when one has gone")
        for client in (clients[0], clients[2], fourth):
            client.close()


def graceful_shutdown(program):
    with Program(program) as server:
        must(server.line() == "ready", "ready")
        server.signal(signal.SIGTERM)
        must(server.line() == "5 jobs done", "5 jobs done")
        server.ends()


def reload_limit(program):
    with tempfile.NamedTemporaryFile("w") as file:
        def write(text):
            file.seek(0)
            file.truncate()
            file.write(text)
            file.flush()

        write("5\n")
        with Program(program, file.name) as server:
            must(server.line() == "2 more may begin", "limit 5")
            for text, line in (("2", "0 more may begin"), ("?", "0 more may begin"), ("20", "17 more may begin")):
                write(text)
                server.signal(signal.SIGHUP)
                must(server.line() == line, f"the file says {text}: {line}")
            server.signal(signal.SIGTERM)
            server.ends()


def event_loop(program):
    begun = time.monotonic()
    prints(*(f"job {number} is done" for number in range(8)))(program)
    must(time.monotonic() - begun > 0.14, "eight jobs of 50 ms, three at once, take 150 ms")


def shared_limit(program):
    with Program(program) as one, Program(program) as two:
        must(one.line() == "works" and two.line() == "works", "two work")
        with Program(program) as three:
            must(not three.says_within(0.1), "the third one waits")
            one.end_input()
            one.ends()
            must(three.line() == "works", "it works when one has ended")
            three.end_input()
            three.ends()
        two.end_input()
        two.ends()
    for _ in range(2):
        with Program(program) as lost:
            must(lost.line() == "works", "one works")
            lost.signal(signal.SIGTERM)
            lost.ends(-signal.SIGTERM)
    with Program(program) as stuck:
        must(not stuck.says_within(0.1), "both permits are lost: it waits")
    must(os.listdir(os.environ["KSEM_DIR"]) == ["guide-copies"], "the semaphore stays")


CHECKS = {
    "bounded_queue": prints("the sum is 5050"),
    "connection_limit": connection_limit,
    "event_loop": event_loop,
    "fair_turns": prints("job 1", "job 2", "job 3", "job 4"),
    "graceful_shutdown": graceful_shutdown,
    "memory_budget": prints("all jobs are done"),
    "one_of_several": prints("one of pool 0"),
    "reload_limit": reload_limit,
    "shared_limit": shared_limit,
    "worker_dies": prints("worker 1 works", "worker 2 works", "worker 1 was killed, worker 2 was not"),
}


LIBRARIES = {"event_loop": ["-luv"]}


def build(name, file, program):
    subprocess.run([*shlex.split(os.environ.get("CC", "cc")), *"-O1 -Wall -Wextra -Wshadow -Werror -pedantic".split(),
                    "-I" + source + "/include", file, "-o", program, "-L" + library, "-lksem", "-pthread", *LIBRARIES.get(name, ())], check=True)


def check(name, what, *arguments):
    try:
        what(*arguments)
        print(f"ok: {name}")
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        print(f"FAILED: {name}: {error}")
        failed.append(name)


def check_page(programs, page):
    shown = dict(re.findall(r"`examples/guide/(\w+)\.c`[^\n]*\n\n```c\n(.*?)```\n", page, flags=re.S))
    for name, text in programs.items():
        must(text.count("\n") - 1 <= 40, f"{name}.c has more than 40 lines")
        must(shown.get(name) == text.split("\n", 1)[1], f"docs/guide.md shows another {name}.c, or none")
    must(shown.keys() == programs.keys() == CHECKS.keys(), f"in the page, in the folder and here: {sorted(shown)}")
    must(page.count("```c\n") == len(shown), "docs/guide.md has a block of C that is no program")


def finds_what_is_wrong(programs, page):
    for old, new in (("MiB */", "GiB */"), ("`examples/guide/fair_turns.c`", ""), ("```c\n", "```c\n/* more */\n")):
        must(old in page, f"nothing to break any more: {old}")
        try:
            check_page(programs, page.replace(old, new, 1))
        except AssertionError:
            continue
        raise AssertionError(f"not found: {old}")


with tempfile.TemporaryDirectory(dir=os.environ.get("KSEM_TEST_SHM", "/dev/shm"), prefix="ksem-guide-") as work:
    os.environ["LD_LIBRARY_PATH"] = library
    os.environ["KSEM_DIR"] = os.path.join(work, "semaphores")
    os.mkdir(os.environ["KSEM_DIR"])
    texts = {}
    for path in sorted(glob.glob(source + "/examples/guide/*.c")):
        name = os.path.basename(path)[:-2]
        with open(path, encoding="utf-8") as text:
            texts[name] = text.read()
        check(f"{name} builds", build, name, path, os.path.join(work, name))
        if name in CHECKS:
            check(f"{name} does what the page says", CHECKS[name], os.path.join(work, name))
    with open(source + "/docs/guide.md", encoding="utf-8") as text:
        guide = text.read()
    check("the page shows them", check_page, texts, guide)
    check("... and wouldn't pass if it did not", finds_what_is_wrong, texts, guide)
sys.exit(bool(failed))
