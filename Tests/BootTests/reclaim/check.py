"""A board of 128 MB on which memory runs out: idle services go, the biggest first, and nothing else.

The first boot gives up idle services (`memoryPressure`); the second does the same work without
that and meets the kernel's out-of-memory killer.
"""

import time

MACHINES = ("x86_64",)
OPTIONS = ("-m", "128M")
DISK = 12 << 20
APPENDS = ("", "apus.manifest=/etc/without.json")

HOLDERS = ("big", "small", "kept")
# What the three hold, and what the kernel, `kept` and `reader` need, in megabytes.
SUM = 32
SPARE = 20


def available(board):
    """Megabytes that the kernel takes for available."""
    return int(board.shell("grep MemAvailable /proc/meminfo").split()[-2]) // 1024


def killed(board):
    """What the out-of-memory killer has said."""
    return board.shell("dmesg | grep 'Killed process'; true").strip().splitlines()


def check(board, ports):
    board.login()
    room = available(board)
    for name in HOLDERS:
        board.shell(f"echo work > /run/{name}")
        board.await_state(name, "ready")
    limit = time.monotonic() + 30
    while available(board) > room - SUM:
        if time.monotonic() > limit:
            raise board.failure(f"they hold too little of {room} MB")
    before = board.services()
    board.shell("apus start reader")
    # Without big and small there is room for this, with them there is not.
    board.shell("mount -o remount,size=100% /dev/shm")
    room -= SPARE
    board.shell(f"for part in $(seq {room}); do dd if=/dev/zero of=/dev/shm/$part bs=1M count=1 "
                "2>&-; usleep 400000; done", 120)
    after = board.services()
    victims = killed(board)
    if "without" in board.shell("cat /proc/cmdline"):
        if not victims:
            raise board.failure("the board has had memory enough: the other boot shows nothing")
    else:
        held = [before[name]["memoryBytes"] or 0 for name in HOLDERS]
        if held != sorted(held, reverse=True) or held[0] < 18_000_000:
            raise board.failure(f"of 20, 10 and 4 MB they hold {held}")
        if victims:
            raise board.failure(f"the kernel has ended {victims}")
        if after["big"]["reason"] != "reclaimed" or after["big"]["state"] != "listening":
            raise board.failure(f"big is {after['big']}")
        small = after["small"]["lastExit"]
        if small and small["atUs"] < after["big"]["lastExit"]["atUs"]:
            raise board.failure("the small one has gone before the big one")
        if any(after["kept"][key] != before["kept"][key] for key in ("state", "mainPid")):
            raise board.failure(f"kept was {before['kept']} and is {after['kept']}")
        # What has been given up comes back with its traffic.
        board.shell("rm /dev/shm/*; echo work > /run/big")
        board.await_state("big", "ready")
    board.send("poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
