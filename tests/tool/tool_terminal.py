# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of ksem(1) on terminals have in common."""
import os
import select
import time


class Terminal:
    """A program on a terminal of its own: self.terminal, and self.seen of what it wrote."""

    def expect(self, text):
        """What came up to the text."""
        end = time.monotonic() + 60
        while text not in self.seen:
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise SystemExit('FAILED: %r did not come: %r' % (text, self.seen[-2000:]))
            self.seen += os.read(self.terminal, 65536)
        before, _, self.seen = self.seen.partition(text)
        return before
