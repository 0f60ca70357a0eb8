"""SHU-07: an ext4 volume with open writers is clean after a power-off, and dirty after a power cut.

The volume comes from /etc/fstab and carries the random seed, of which none is used twice. POW-05: SIGPWR
starts the service that `powerFail` names. A critical service that fails ends the board, but not before
`minimumUptime`.
"""

import time

MACHINES = ("x86_64",)
DISK = 64 << 20
FORMAT = "ext4"
# Powered off in order; cut off; rebooted by a service.
APPENDS = ("boot=1", "boot=2", "boot=3")
# The seed as the end of a boot must leave it different from, by the boot.
seeds = set()


def word(board, line):
    """The last word that a line prints."""
    return board.shell(line).split()[-1]


def check_fstab(board):
    """What of the table must be mounted, once, and what must not."""
    mounts = [line.split() for line in board.shell("cat /proc/mounts").splitlines()]
    points = [fields[1] for fields in mounts if len(fields) == 6]
    for place in ("/proc", "/run", r"/mnt/with\040space", "/data", "/mnt/later"):
        if points.count(place) != 1:
            raise board.failure(f"{place} is mounted {points.count(place)} times: {points}")
    for place in ("/mnt/never", "/mnt/silent", "/mnt/none"):
        if place in points:
            raise board.failure(f"{place} is mounted: {points}")
    options = [fields[3] for fields in mounts if fields[1:2] == ["/data"]]
    if "noatime" not in options[0].split(","):
        raise board.failure(f"/data is mounted with {options}")
    if "/mnt/silent" in board.text:
        raise board.failure("a mount that may fail is complained about")


def check_keys(board):
    """What the other keys have done."""
    if word(board, "cat /proc/sys/kernel/core_pattern") != "/data/core.%e":
        raise board.failure("the pattern of core dumps is another one")
    for line in ("ms  up", "bound"):
        if line in board.text:
            raise board.failure(f"below `info` the console shows `{line}`")
    board.shell("kill -PWR 1")
    board.shell("until grep -q failing /run/power; do usleep 100000; done")
    shown = word(board, "stat -c %a:%s:%u /data/apus/seed")
    if shown not in ("600:32:0", "400:32:0"):
        raise board.failure(f"the seed is {shown}")


def check(board, ports):
    board.expect(r"cannot mount /mnt/none: E\w+ \(\d+\)", 40)
    board.login()
    board.await_state("writer", "ready")
    check_fstab(board)
    check_keys(board)
    seed = word(board, "md5sum < /data/apus/seed | cut -c1-32")
    if seed in seeds:
        raise board.failure("a seed has come back")
    seeds.add(seed)
    kernel = board.shell("dmesg | grep EXT4-fs")
    number = word(board, "sed 's/.*boot=//;s/ .*//' /proc/cmdline")
    # The kernel says "recovery complete" when it has replayed the journal.
    if ("recovery" in kernel) != (number == "3"):
        raise board.failure(f"boot {number} finds the volume in this state: {kernel}")
    board.shell("until [ -s /data/stray ]; do usleep 100000; done")
    if number == "1":
        board.send("poweroff\n")
        board.expect(r"reboot: Power down", 40)
    elif number == "2":
        board.shell("usleep 6000000")  # the journal has something to commit
        board.process.kill()
        board.process.wait()
        return
    else:
        uptime = float(word(board, "cut -d' ' -f1 /proc/uptime"))
        if uptime > 35:
            raise board.failure(f"too slow: {uptime} s")
        board.send("apus start --no-wait fragile\n")
        board.await_state("fragile", "failed")
        time.sleep(2)
        board.await_state("writer", "ready")
        board.expect(r"reboot: Restarting system", 60)
        if board.elapsed() < 40:
            raise board.failure("the board was rebooted before its minimum uptime")
    board.expect_end(20)
