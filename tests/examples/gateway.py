#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Runs the gateway as its users would: under wrk with 1,000 clients, with clients who hang up at any time, with bad
# requests, without descriptors. Never may more calls have been in the backend than the limit; as many must have been;
# each request must be answered; and no permit may be lost. What is compared with a time is the backend's own clock, or
# has a minute. Without wrk the rest is run, and the test counts as skipped (77).
#   tests/examples/gateway.py GATEWAY [--clients N | --no-plateau]
# N: only wrk, with so many clients, such as 10000. --no-plateau: all but the search for the best limit, half a minute.
import json
import os
import random
import resource
import selectors
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from server_support import DEADLINE, Clients, check, until

GATEWAY = os.path.realpath(sys.argv[1])
servers = []
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
STATS = b"GET /stats HTTP/1.1\r\nHost: x\r\n\r\n"


def cpu(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_in_a_second(pid):
    used = cpu(pid)
    time.sleep(1)
    return cpu(pid) - used


class Connection:
    """A client that sends bytes, and reads answers."""

    def __init__(self, port, send=b""):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.buffer = b""
        self.send(send)

    def send(self, data):
        self.socket.sendall(data)

    def line_end(self):
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        return self.buffer.index(b"\r\n\r\n")

    def more(self):
        data = self.socket.recv(65536)
        check(data, f"the connection ended after {self.buffer!r}")
        self.buffer += data

    def answer(self):
        """The next answer: status, body, fields."""
        end = self.line_end()
        status, *lines = self.buffer[:end].decode().split("\r\n")
        fields = dict(line.split(": ") for line in lines)
        size = end + 4 + int(fields["Content-Length"])
        while len(self.buffer) < size:
            self.more()
        body, self.buffer = self.buffer[end + 4:size].decode(), self.buffer[size:]
        return int(status.split()[1]), body, fields

    def get(self, request=GET):
        self.send(request)
        return self.answer()

    def ended(self):
        return self.buffer == b"" and self.socket.recv(1) == b""

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Server:
    def __init__(self, *arguments, files=None):
        def fewer_files():
            resource.setrlimit(resource.RLIMIT_NOFILE, (files // 2, files))

        self.process = subprocess.Popen([GATEWAY, "--port", "0", *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE if files else None, text=True,
                                        preexec_fn=fewer_files if files else None)
        servers.append(self.process)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1].strip("/\n"))
        self.own = self.connect()  # one that stays, whatever others do

    def connect(self, send=b""):
        return Connection(self.port, send)

    def clients(self, count):
        return Clients(count, Connection.get, self.connect)

    def stats(self):
        status, body, fields = self.own.get(STATS)
        check(status == 200 and fields["Content-Type"] == "application/json", f"no figures: {status}")
        return json.loads(body)

    def at_rest(self):
        s = self.stats()
        return s["permits"] == s["limit"] and s["in_backend"] == 0 and s["waiting"] == 0

    def rests(self):
        until(self.at_rest, lambda: f"all permits are back and nobody waits: {self.stats()}")
        return self.stats()

    def has(self, **figures):
        def reached():
            s = self.stats()
            return all(s[name] == value for name, value in figures.items())

        until(reached, lambda: f"{figures}; {self.stats()}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait(DEADLINE) == 0, f"it ended with {self.process.returncode}")


class Wrk:
    """wrk, until stopped; it ignores that before it has clients. Meson would have libc fill the 480 MB it allocates."""

    def __init__(self, server, clients, seconds=300):
        self.process = subprocess.Popen(["wrk", "-t", "1", "-c", str(clients), "-d", str(seconds), "--timeout", "60",
                                         f"http://127.0.0.1:{server.port}/"], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env={**os.environ, "MALLOC_PERTURB_": "0"})
        servers.append(self.process)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        out = self.process.communicate(timeout=DEADLINE)[0]
        check("Requests/sec" in out and "Non-2xx" not in out and "Socket errors" not in out, out)
        return out


def wrong_arguments_are_refused():
    for arguments in (["--port", "65536"], ["--port", "x"], ["--limit", "0"], ["--limit", "10001"], ["--patience", "0"],
                      ["--clients", "100001"], ["--idle", ""], ["--plateau", "-1"], ["--call", "60001"], ["--what"],
                      ["--limit"], ["--adaptive=1"], ["what"]):
        run = subprocess.run([GATEWAY, "--port", "0", *arguments], capture_output=True, text=True, timeout=DEADLINE)
        check(run.returncode == 2 and "gateway: " in run.stderr and "usage:" in run.stderr and run.stdout == "",
              f"{arguments}: status {run.returncode}, {run.stdout}{run.stderr}")
    run = subprocess.run([GATEWAY, "--help"], capture_output=True, text=True, timeout=DEADLINE)
    check(run.returncode == 0 and "--patience" in run.stdout, "no help")


def a_port_is_for_one():
    server = Server()
    run = subprocess.run([GATEWAY, "--port", str(server.port)], capture_output=True, text=True, timeout=DEADLINE)
    check(run.returncode == 1 and "port" in run.stderr and run.stdout == "", f"a second one began: {run.stderr}")
    server.end()


def requests_are_answered():
    server = Server()
    client = server.connect()
    for request, want in ((GET, 200), (GET.replace(b"/ ", b"/?q=1 "), 200), (b"GET /what HTTP/1.1\r\nHost: x\r\n\r\n", 404),
                          (GET.replace(b"Host", b"Content-Length: 0\r\nhost"), 200), (STATS, 200)):
        check(client.get(request)[0] == want, request)
    for i in range(len(GET)):  # a byte at a time
        client.send(GET[i:i + 1])
        check(i % 9 or server.stats(), "figures")  # the gateway has read what was sent
    check(client.answer()[0] == 200, "a byte at a time")
    status, _, fields = client.get(GET.replace(b"Host", b"connection: Close\r\nHost"))
    check(status == 200 and fields["Connection"] == "close" and client.ended(), "Connection: close")
    client = server.connect(b"GET / HTTP/1.0\r\n\r\n")
    check(client.answer()[0] == 200 and client.ended(), "HTTP/1.0")
    s = server.rests()
    check(s["served"] == 6 and s["calls"] == 6 and s["refused"] == 0 and s["hung_up"] == 0, s)
    server.end()


def bad_requests_harm_nobody():
    server = Server()
    head = b"GET / HTTP/1.1\r\nHost: x\r\n"
    for data, want in ((b"\r\n\r\n", 400), (b"GET\r\n\r\n", 400), (b"GET /\r\n\r\n", 400), (b" / HTTP/1.1\r\n\r\n", 400),
                       (b"GET / HTTP/1.1 x\r\nHost: x\r\n\r\n", 400), (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                       (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505), (b"GET / FTP/1.1\r\nHost: x\r\n\r\n", 400),
                       (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", 405), (b"GET / HTTP/1.1\r\n\r\n", 400),
                       (head + b"Host: y\r\n\r\n", 400), (head + b"Content-Length: 3\r\n\r\nabc", 400),
                       (head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400), (head + b" folded\r\n\r\n", 400),
                       (head + b"no colon\r\n\r\n", 400), (head + b"space : x\r\n\r\n", 400), (head + b": x\r\n\r\n", 400),
                       (head + b"a: \0\r\n\r\n", 400), (head + b"a: \x01\r\n\r\n", 400), (head + b"a: b\nc\r\n\r\n", 400),
                       (b"\x16\x03\x01" + bytes(range(256)) + b"\r\n\r\n", 400),
                       (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431), (b"x" * 100000, 431)):
        client = server.connect(data)
        status, body, fields = client.answer()
        check(status == want and body != "" and fields["Connection"] == "close" and client.ended(),
              f"{data[:60]}: {status}, not {want}")
        check(status != 405 or fields["Allow"] == "GET", "Allow")
    for data in (b"G", head, head + b"\r", GET + GET[:-1]):
        client = server.connect(data)
        client.reset()
        client = server.connect(data)
        client.half_close()
        if data.startswith(GET):
            continue  # it has hung up while its request waited
        check(client.answer()[0] == 400 and client.ended(), f"half of a request: {data}")
    server.connect().reset()
    check(server.connect().get()[0] == 200, "the next client")
    server.rests()
    server.end()


def requests_sent_ahead_are_answered_in_order():
    server = Server("--call", 1)
    pages = [random.choice(((GET, 200), (STATS, 200), (b"GET /what HTTP/1.1\r\nHost: x\r\n\r\n", 404)))
             for _ in range(300)]
    client = server.connect(b"".join(request for request, _ in pages))
    for request, want in pages:
        status, body, _ = client.answer()
        check(status == want and body.startswith("{") == (request == STATS), f"{request}: {status} {body}")
    many = 20000  # who sends without reading fills the socket buffers; others don't notice
    client = server.connect()
    sender = threading.Thread(target=client.send, args=(STATS * many,), daemon=True)
    sender.start()
    other = server.connect()
    for _ in range(20):
        check(other.get()[0] == 200, "another client")
    until(lambda: cpu_in_a_second(server.process.pid) < 0.2, "it sleeps until that one reads")
    for _ in range(many):
        check(client.answer()[0] == 200, "an answer of many")
    sender.join()
    server.rests()
    server.end()


def who_does_nothing_is_closed():
    server = Server("--idle", 1, "--call", 3000)
    waits = server.connect(GET)  # longer than an idle one may
    half, idle = server.connect(GET[:-1]), server.connect()
    silent = server.connect()
    silent.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    silent.socket.setblocking(False)
    try:  # it sends requests and reads no answers
        for _ in range(100000):
            silent.socket.send(STATS * 100)
    except (BlockingIOError, ConnectionError):
        pass
    check(half.answer()[0] == 408 and half.ended(), "half a request")
    check(idle.ended(), "an idle connection")
    check(waits.answer()[0] == 200, "one that waits for its answer isn't idle")

    def alone():
        server.own.close()
        try:
            server.own = server.connect()
            return server.stats()["clients"] == 1
        except (AssertionError, ConnectionError):  # on a slow machine it may itself have been idle for a second
            return False

    until(alone, "all others are closed")
    server.end()


def who_waits_too_long_is_refused():
    patience = 0.5
    server = Server("--limit", 1, "--call", 8000, "--patience", int(patience * 1000))
    first = server.connect(GET)
    server.has(in_backend=1)
    first.send(STATS)  # ahead: this stays unread, and doesn't keep the gateway busy
    begun = time.monotonic()
    others = [server.connect(GET) for _ in range(50)]
    for client in others:
        status, _, fields = client.answer()
        check(status == 503 and fields["Retry-After"] == "1", f"status {status}")
        check(patience <= time.monotonic() - begun < 10, f"refused after {time.monotonic() - begun} s")
    s = server.stats()
    check(s["refused"] == 50 and s["timeouts"] == 50 and s["waiting"] == 0, s)
    until(lambda: cpu_in_a_second(server.process.pid) < 0.2, "it sleeps while the call goes on")
    check(server.stats()["in_backend"] == 1, "the call takes 8 s")
    check(first.answer()[0] == first.answer()[0] == 200 and server.rests()["served"] == 1, "the first one")
    server.end()


def hang_ups_lose_no_permit():
    server = Server("--limit", 1, "--call", 5000, "--patience", 600000)
    first = server.connect(GET)
    server.has(in_backend=1)
    others = [server.connect(GET) for _ in range(30)]
    server.has(waiting=30)
    last = server.connect(GET + STATS)  # sends ahead, and waits behind all
    server.has(waiting=31)
    for n, client in enumerate(others):
        (client.close, client.reset, client.half_close)[n % 3]()
    server.has(waiting=1, hung_up=30, cancels=30)
    first.reset()  # its call goes on, and its permit comes back
    server.has(hung_up=31)
    check(last.answer()[0] == 200, "the one who stayed")
    check(json.loads(last.answer()[1])["served"] == 1, "what was sent ahead")
    check(server.rests()["calls"] == 2, "calls")
    server.end()


def a_hang_up_may_come_with_the_permit():
    """While the gateway is stopped, the permit becomes free, and the client who is next hangs up."""
    server = Server("--limit", 1, "--call", 4000, "--patience", 600000)
    first = server.connect(GET)
    server.has(in_backend=1)
    second = server.connect(GET)
    server.has(waiting=1)
    os.kill(server.process.pid, signal.SIGSTOP)
    second.close()
    time.sleep(4.5)  # the call ends, by the backend's clock
    os.kill(server.process.pid, signal.SIGCONT)
    check(first.answer()[0] == 200, "the first one")
    s = server.rests()
    check(s["hung_up"] == 1 and s["calls"] == 1 and s["cancels"] == 0, s)
    server.end()


def hang_ups_at_any_time():
    server = Server("--limit", 3, "--call", 5, "--plateau", 3, "--patience", 20)
    clients = server.clients(4)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(400):
        client = server.connect(GET[:chance.choice((5, len(GET), len(GET)))])
        time.sleep(chance.random() * 0.02)
        chance.choice((client.close, client.reset, client.half_close))()
    clients.stop()
    s = server.rests()
    check(s["hung_up"] > 0 and s["cancels"] > 0 and s["most_in_backend"] == 3 and clients.most_at_once() <= 3, s)
    check(set(clients.others) <= {503}, clients.others)
    server.end()


def the_limit_is_kept_and_reached():
    server = Server("--limit", 3, "--call", 4, "--patience", 600000)
    clients = server.clients(12)
    until(lambda: len(clients.spans) >= 500, "500 requests")
    clients.stop()
    check(clients.others == [], f"answers {clients.others}")
    check(clients.most_at_once() == 3, f"{clients.most_at_once()} at once")
    s = server.rests()
    check(s["served"] == len(clients.spans) == s["calls"] and s["most_in_backend"] == 3, s)
    server.end()


def who_comes_first_is_served_first():
    server = Server("--limit", 1, "--call", 50, "--patience", 600000)
    os.kill(server.process.pid, signal.SIGSTOP)  # so that it finds all of them at once
    clients = [server.connect(GET) for _ in range(10)]
    os.kill(server.process.pid, signal.SIGCONT)
    begun = [int(client.answer()[1].split()[0]) for client in clients]
    check(begun == sorted(begun), f"in another order: {begun}")
    server.end()


def everybody_is_answered():
    """A thousand requests, at once; far more than can be served in time."""
    server = Server("--limit", 2, "--call", 50, "--patience", 1000)
    clients = [server.connect() for _ in range(CLIENTS)]
    selector = selectors.DefaultSelector()
    for client in clients:
        client.send(GET)
        selector.register(client.socket, selectors.EVENT_READ, client)
    answers = {200: 0, 503: 0}
    while selector.get_map():
        ready = selector.select(DEADLINE)
        check(ready, f"never answered: {len(selector.get_map())}; {server.stats()}")
        for key, _ in ready:
            answers[key.data.answer()[0]] += 1
            selector.unregister(key.fileobj)
    s = server.rests()
    check(s["served"] == answers[200] > 0 and s["refused"] == answers[503] > 0 and s["most_in_backend"] == 2, s)
    check(s["clients"] == CLIENTS + 1 and s["hung_up"] == 0, s)
    print(f"{answers[200]} served, {answers[503]} refused")
    server.end()


def sigterm_ends_it():
    server = Server("--limit", 2, "--call", 5000, "--patience", 600000)
    working = [server.connect(GET), server.connect(GET)]
    server.has(in_backend=2)
    waiting = [server.connect(GET) for _ in range(20)]
    server.has(waiting=20)
    idle, half = server.connect(), server.connect(GET[:9])
    server.has(clients=25)
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGTERM)  # again: nothing new
    for client in waiting:
        status, body, fields = client.answer()
        check(status == 503 and "ends" in body and fields["Connection"] == "close" and client.ended(), f"{status} {body}")
    check(idle.ended() and half.ended() and server.own.ended(), "connections without a request")
    try:
        server.connect()
        check(False, "it still accepts")
    except ConnectionRefusedError:
        pass
    for client in working:
        check(client.answer()[0] == 200 and client.ended(), "a call in the backend")
    server.end()


def without_descriptors_others_wait():
    for server, least in ((Server(files=64), 40), (Server("--clients", 10), 10)):
        clients = [server.connect(STATS) for _ in range(100)]
        until(lambda: server.stats()["clients"] >= least, "it accepts as many as it can")
        until(lambda: cpu_in_a_second(server.process.pid) < 0.1, "it sleeps meanwhile")
        check(least <= server.stats()["clients"] < least + 20, server.stats())
        for client in clients:  # in the order in which they came, each makes room for another
            check(client.answer()[0] == 200, "answered in the end")
            client.close()
        server.has(clients=1)
        server.end()
        if server.process.stderr:
            check("gateway: descriptors for 48 clients at once" in server.process.stderr.read(), "it says so")


def under_wrk(clients):
    server = Server("--patience", 60000, "--clients", clients + 1)
    wrk = Wrk(server, clients)
    server.has(clients=clients + 1)
    until(lambda: server.stats()["calls"] > 5 * clients, "calls")
    out = wrk.stop()
    s = server.rests()
    check(s["most_in_backend"] == s["limit"] == 40 and s["refused"] == 0 and s["served"] >= 5 * clients, s)
    check(s["mean_latency_ms"] == 10, s)
    print(next(line for line in out.splitlines() if line.startswith("Requests/sec")))
    server.end()


def wrk_meets_the_limit():
    under_wrk(CLIENTS)


def is_near_plateau(limits):
    return 0.6 * PLATEAU <= statistics.median(limits) <= 2.5 * PLATEAU


def throughput(server, clients):
    """Under wrk, once the limit has settled: calls in a second of the backend's time, and the limit."""
    wrk = Wrk(server, clients)
    limits = []

    def sample():
        time.sleep(0.1)  # a window of the gateway, more or less
        limits.append(server.stats()["limit"])
        return len(limits) >= 30 and is_near_plateau(limits[-30:])

    until(lambda: server.stats()["clients"] > clients, "wrk's clients")
    until(sample, lambda: f"a limit near {PLATEAU}: {limits[-30:]}")
    begin = server.stats()
    for _ in range(30):
        sample()
    end = server.stats()
    wrk.stop()
    s = server.rests()
    check(s["most_in_backend"] <= s["highest_limit"], s)
    check(is_near_plateau(limits[-30:]), f"a limit that stays near {PLATEAU}: {limits}")
    return (end["calls"] - begin["calls"]) / (end["busy_ms"] - begin["busy_ms"]) * 1000, limits[-1]


PLATEAU = 20


def the_plateau_is_found():
    figures = {}
    for how in (["--limit", PLATEAU], ["--adaptive", "--limit", 4], ["--adaptive", "--limit", 4 * PLATEAU]):
        server = Server("--plateau", PLATEAU, "--call", 100, "--patience", 60000, *how)
        figures[str(how)] = speed, limit = throughput(server, 8 * PLATEAU)
        print(f"{how}: limit {limit}, {speed:.0f} calls a second")
        server.end()
    speeds = [speed for speed, _ in figures.values()]
    check(min(speeds[1:]) >= 0.6 * speeds[0], figures)


def a_limit_that_nobody_reaches_stays():
    server = Server("--adaptive", "--limit", 10, "--call", 3)
    client = server.connect()
    for _ in range(300):
        check(client.get()[0] == 200, "served")
    check(server.rests()["highest_limit"] == 10 == server.stats()["limit"], server.stats())
    server.end()


def main():
    global CLIENTS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    CLIENTS = min(1000, hard - 100)
    tests = [wrong_arguments_are_refused, a_port_is_for_one, requests_are_answered, bad_requests_harm_nobody,
             requests_sent_ahead_are_answered_in_order, who_does_nothing_is_closed, who_waits_too_long_is_refused,
             hang_ups_lose_no_permit, a_hang_up_may_come_with_the_permit, hang_ups_at_any_time,
             the_limit_is_kept_and_reached, who_comes_first_is_served_first, everybody_is_answered, sigterm_ends_it,
             without_descriptors_others_wait, a_limit_that_nobody_reaches_stays]
    wrk = shutil.which("wrk")
    if wrk:
        tests.append(wrk_meets_the_limit)
        if "--no-plateau" not in sys.argv:
            tests.append(the_plateau_is_found)
    if sys.argv[2:3] == ["--clients"]:
        CLIENTS = int(sys.argv[3])
        tests = [wrk_meets_the_limit]
    try:
        for test in tests:
            begun = time.monotonic()
            test()
            print(f"ok: {test.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
    finally:
        for process in servers:  # what a failed test left
            if process.poll() is None:
                process.kill()
    if not wrk:
        print("skipped: no wrk")
        sys.exit(77)


main()
