"""PID-14: boots that power off at some moment of their first second and a half, one after the other: each
switches off by itself, and none has a line on its console that tells of anything.

APUS_BOOTS=200 board/lib/boot-tests x86_64 --case again
"""

import os
import re

MACHINES = ("x86_64",)
APPENDS = ("",) * int(os.environ.get("APUS_BOOTS", "5"))

FINE = re.compile(r"apus: (boot [\d.]+ |\d+ sockets? bound|going down: poweroff)|reboot: Power down")
# A line of apus's own or of the kernel's, wherever on the line a getty has left the cursor.
LINE = re.compile(r"apus: .*|\[ *\d+\.\d+\] .*")


def check(board, ports):
    board.expect(r"apus: going down: poweroff", 120)
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
    for line in LINE.findall(board.text):
        if not FINE.search(line):
            raise board.failure(f"the console tells of something: {line}")
