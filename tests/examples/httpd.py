#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Runs httpd as its users would: under wrk, with workers that are killed, with clients who say when their requests were
# in progress. Never may more have been in progress at once than the limit; as many must have been; and no permit may be
# lost. Without wrk the rest is run, and the test counts as skipped (77).
#   tests/examples/httpd.py HTTPD
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from server_support import DEADLINE, Clients, check, until

HTTPD = os.path.realpath(sys.argv[1])
servers = []
work = tempfile.mkdtemp(prefix="ksem-httpd-")
os.environ["KSEM_DIR"] = os.path.join(work, "semaphores")


def left():
    return os.listdir(os.environ["KSEM_DIR"]) if os.path.isdir(os.environ["KSEM_DIR"]) else []


def gone(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Server:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([HTTPD, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        servers.append(self.process)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1].strip("/\n"))

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode(), dict(response.getheaders())
        finally:
            connection.close()

    def clients(self, count, ms):
        def work(_):
            try:
                return self.get(f"/work?ms={ms}")
            except (OSError, http.client.HTTPException):
                return None  # its worker was killed

        return Clients(count, work)

    def figures(self):
        while True:
            try:
                return json.loads(self.get("/figures")[1])
            except (OSError, http.client.HTTPException):  # its worker was killed
                pass

    def at_rest(self):
        f = self.figures()
        return f["permits"] == f["limit"] and f["in_progress"] == 0 and f["waiting"] == 0

    def pids(self):
        return [w["pid"] for w in self.figures()["workers"] if w["pid"]]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait(DEADLINE) == 0, f"it ended with {self.process.returncode}")
        check(left() == [], f"it left {left()}")


def wrong_arguments_are_refused():
    for status, arguments in ((2, ["--port", "65536"]), (2, ["--port", "x"]), (2, ["--limit", "0"]),
                              (2, ["--workers", "-1"]), (2, ["--connections", "65"]), (2, ["--wait", ""]),
                              (2, ["--name", "/" + "n" * 1000]), (2, ["--what"]), (2, ["what"]),
                              (1, ["--name", "no-slash"]), (1, ["--name", "/a/b"])):
        run = subprocess.run([HTTPD, "--port", "0", *arguments], capture_output=True, text=True, timeout=DEADLINE)
        check(run.returncode == status and "httpd:" in run.stderr or "unrecognized" in run.stderr,
              f"{arguments}: status {run.returncode}, {run.stderr}")
        check(run.stdout == "" and left() == [], f"{arguments}: it began all the same")


def one_name_or_port_is_for_one():
    server = Server()
    for arguments in (["--port", "0"], ["--port", str(server.port), "--name", "/other"]):
        run = subprocess.run([HTTPD, *arguments], capture_output=True, text=True, timeout=DEADLINE)
        check(run.returncode == 1 and run.stderr != "", f"{arguments}: a second one began")
    check(len(left()) == 1, "the second one left something")
    server.end()


def row(page, word):
    """The number beside that word, and what the page says of it."""
    number, meaning = re.search(rf"<tr><th>{word}<td class=n>([^<]*)<td>([^\0]*?)\n(?=<tr|</table)", page).groups()
    return number, " ".join(re.sub("<[^>]*>", "", meaning).split())


def pages_are_served():
    server = Server("--wait", "70")
    check(server.get("/work?ms=1")[0] == 200, "no work")
    status, page, headers = server.get("/")
    check(status == 200 and headers["Content-Type"] == "text/html" and "fetch('/now')" in page, "no page")
    # What it loads: nothing but itself.
    check(re.findall(r"(?:src|href|url|import)\s*[=(]", page) == [] and "//" not in page, "it needs more")
    for path in ("/", "/now"):
        page = server.get(path)[1]
        for word, number, meaning in (("In progress", "0 of 4", "have a permit"), ("Waiting", "0", "at most 70 ms"),
                                      ("Served", "1", "a second, lately"), ("Refused", "0", "503"),
                                      ("Came back", "0", "workers that died")):
            got = row(page, word)
            check(got[0] == number and meaning in got[1], f"{path} {word}: {got}")
        until(lambda path=path: all(f"<tr><td>{pid}<td" in server.get(path)[1] for pid in server.pids()), "workers")
    check("<main>" not in page and "<h1>" not in page, "/now has more than what changes")
    for path, want in (("/what", 404), ("/work?ms=", 400), ("/work?ms=-1", 400), ("/work?ms=10001", 400)):
        check(server.get(path)[0] == want, path)
    check(server.at_rest(), "a refused request kept a permit")
    check(server.figures()["served"] == 1, "served")
    server.end()


def chart(page, label, kind):
    """The path of that kind in the chart, as numbers."""
    svg = re.search(rf"aria-label='{label} in [^']*'>(.*?)</svg>", page).group(1)
    return re.findall(r"[MVHz][-\d. ]*", re.search(rf"class={kind} d='([^']*)'", svg).group(1))


def the_page_shows_what_was():
    server = Server("--limit", "2", "--wait", "60000")
    clients = server.clients(3, 3000)

    def shown(label, kind):
        return set(chart(server.get("/")[1], label, kind))

    # All permits are taken: the area is as high as the chart. One waits: so is that, as it is the most that waited.
    until(lambda: "V0.0" in shown("Requests in progress", "blue"), "requests in progress")
    until(lambda: "V0.0" in shown("Requests that wait", "amber"), "one that waits")
    check("V0.0" in shown("Requests in progress", "limit"), "the limit")
    until(lambda: len(shown("Requests served and refused each second", "blue") - {"z"}) > 4, "served requests")
    clients.stop()
    until(server.at_rest, "all permits back")
    until(lambda: chart(server.get("/")[1], "Requests in progress", "blue")[-4:-2][0] == "V100.0", "rest again")
    os.kill(server.process.pid, signal.SIGSTOP)  # no samples: the charts have a gap
    time.sleep(3.5)
    os.kill(server.process.pid, signal.SIGCONT)
    until(lambda: len([step for step in chart(server.get("/")[1], "Requests in progress", "blue")
                       if step[0] == "M"]) >= 2, "a gap")
    server.end()


def who_waits_too_long_is_refused():
    server = Server("--limit", "1", "--wait", "50")
    clients = server.clients(1, 500)
    until(lambda: server.figures()["in_progress"] == 1, "in progress")
    status, _, headers = server.get("/work?ms=1")
    check(status == 503 and headers.get("Retry-After") == "1", f"status {status}")
    check(server.figures()["refused"] == 1, "refused")
    check(row(server.get("/")[1], "Refused")[0] == "1", "refused, on the page")
    clients.stop()
    server.end()


def the_limit_is_kept_and_reached():
    server = Server("--limit", "3", "--workers", "3", "--wait", "60000")
    clients = server.clients(12, 4)
    until(lambda: len(clients.spans) >= 500, "500 requests")
    clients.stop()
    check(clients.others == [], f"answers {clients.others}")
    check(clients.most_at_once() == 3, f"{clients.most_at_once()} at once")
    f = server.figures()
    check(f["served"] == len(clients.spans) and f["undone"] == 0, f"figures {f}")
    until(server.at_rest, "all permits back")
    server.end()


def permits_of_killed_workers_come_back():
    kills = 20
    server = Server("--limit", "3", "--workers", "3", "--wait", "60000")
    clients = server.clients(12, 4)
    for n in range(kills):
        done = len(clients.spans)
        until(lambda: len(clients.spans) > done + 5, "it goes on after a kill")
        os.kill(random.choice(server.pids()), signal.SIGKILL)
        until(lambda: sum(w["restarts"] for w in server.figures()["workers"]) == n + 1, "a new worker")
    done = len(clients.spans)
    until(lambda: len(clients.spans) > done + 100, "it goes on")
    clients.stop()
    until(server.at_rest, "all permits back")
    f = server.figures()
    print(f"{kills} kills, {f['undone']} permits came back, {f['served']} requests")
    check(clients.most_at_once() == 3, f"{clients.most_at_once()} at once; {f}")
    check(f["undone"] > 0, "no kill met a permit")
    check(row(server.get("/")[1], "Came back")[0] == str(f["undone"]), "what came back, on the page")
    check(clients.most_at_once(done) == 3, f"after the kills, {clients.most_at_once(done)} at once: throughput fell")
    server.end()


def a_stopped_worker_stops_no_other():
    server = Server("--limit", "2", "--workers", "3", "--wait", "60000")
    until(lambda: len(server.pids()) == 3, "workers")
    stopped, killed, _ = server.pids()
    clients = server.clients(6, 4)
    os.kill(stopped, signal.SIGSTOP)
    os.kill(killed, signal.SIGKILL)
    path = f"/proc/{server.process.pid}/task/{server.process.pid}/children"

    def children():
        return open(path, encoding="ascii").read().split()

    until(lambda: str(killed) not in children() and len(children()) == 3, "a new worker beside a stopped one")
    clients.stopped = True
    server.end()  # the stopped one, too: then its clients get an answer, or none
    clients.stop()


def without_its_master_it_ends():
    server = Server()
    pids = server.pids()
    server.process.kill()
    server.process.wait()
    until(lambda: all(gone(pid) for pid in pids), "workers end")
    run = subprocess.run([HTTPD, "--port", "0"], capture_output=True, text=True, timeout=DEADLINE)
    check(run.returncode == 1 and "ksem unlink" in run.stderr, "what was left isn't noticed")
    os.unlink(os.path.join(os.environ["KSEM_DIR"], left()[0]))


def wrk_finds_it_fast():
    server = Server("--limit", "4", "--wait", "60000")
    run = subprocess.run(["wrk", "-t", "2", "-c", "24", "-d", "2", f"http://127.0.0.1:{server.port}/work?ms=1"],
                         capture_output=True, text=True, timeout=DEADLINE)
    check(run.returncode == 0 and "Non-2xx" not in run.stdout, run.stdout + run.stderr)
    until(server.at_rest, "all permits back")
    f = server.figures()
    print(next(line for line in run.stdout.splitlines() if line.startswith("Requests/sec")))
    check(f["served"] > 100, f"figures {f}")
    server.end()


def main():
    tests = [wrong_arguments_are_refused, one_name_or_port_is_for_one, pages_are_served, the_page_shows_what_was,
             who_waits_too_long_is_refused, the_limit_is_kept_and_reached, permits_of_killed_workers_come_back,
             a_stopped_worker_stops_no_other, without_its_master_it_ends]
    wrk = shutil.which("wrk")
    if wrk:
        tests.append(wrk_finds_it_fast)
    try:
        for test in tests:
            test()
            print("ok:", test.__name__, flush=True)
    finally:
        for process in servers:  # what a failed test left
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(work)
    if not wrk:
        print("skipped: no wrk")
        sys.exit(77)


main()
