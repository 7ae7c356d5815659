# SPDX-License-Identifier: BSD-2-Clause
"""For tests of the servers of examples/: checks, and clients in threads."""
import threading
import time

DEADLINE = 60  # s, of what should take a moment


def check(true, what):
    if not true:
        raise AssertionError(what)


def until(true, what):
    end = time.monotonic() + DEADLINE
    while not true():
        check(time.monotonic() < end, "never: " + (what() if callable(what) else what))
        time.sleep(0.02)


class Clients:
    """Threads that call ask one time after another, until stopped. ask(connection) returns an answer's status and body.

    The body of a 200 begins with two numbers: when the request began to be worked on, and when it was over. `spans` has
    them, and `others` has the other statuses. connect: makes what a thread gives to ask, and closes at its end.
    """

    def __init__(self, count, ask, connect=None):
        self.ask, self.connect, self.stopped, self.spans, self.others = ask, connect, False, [], []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = self.connect and self.connect()
        while not self.stopped:
            answer = self.ask(connection)
            if answer and answer[0] == 200:
                self.spans.append([int(n) for n in answer[1].split()[:2]])
            elif answer:
                self.others.append(answer[0])
        if connection:
            connection.close()

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join()

    def most_at_once(self, since=0):
        """Of all, or of those that were done after so many."""
        spans = self.spans[since:]
        edges = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
        now = most = 0
        for _, step in edges:
            now += step
            most = max(most, now)
        return most
