"""The memory of PID 1 is closed to its children's users, whatever fs.suid_dumpable is.

A child is held where it has become its service's user already and still has what it had before: in
execve(2), by a write lease on the program. Then that user, and root without a capability, try all that
leads into the memory of the child and of PID 1; at the first start, and after `apply`, `reexec` and a
crash. The third crash within a minute would give the rescue shell, so the third setting has none.
"""

MACHINES = ("x86_64", "aarch64")
PROBE = True


def look(board, service, uid, dumpable):
    """Start SERVICE, look into it while it waits, and end it."""
    board.shell("rm -f /run/leased; probe lease /run/held > /run/leased & echo $! > /run/holder; "
                "until grep -q leased /run/leased; do usleep 20000; done")
    board.shell(f"apus start --no-wait {service}")
    # The kernel calls the child as it calls PID 1; by its program it is known.
    child = board.shell(
        "child=; until [ -n \"$child\" ]; do "
        f"pid=$(apus status --json {service} | grep -o '\"mainPid\":[0-9]*' | cut -d: -f2); "
        "[ -n \"$pid\" ] && [ \"$(readlink /proc/$pid/exe)\" = \"$(readlink /proc/1/exe)\" ] && "
        f"grep -q '^Uid:.{uid}.{uid}.{uid}' /proc/$pid/status && "
        "grep -q '^CapPrm:.0000000000000000' /proc/$pid/status && "
        "grep -q '^State:.[SD]' /proc/$pid/status && child=$pid; done; echo $child", 20).strip()
    stack = board.shell("grep '\\[stack\\]' /proc/1/maps | cut -d- -f1").strip()
    for pid in (child, "1"):
        spied = board.shell(f"probe spy {uid} {pid} {stack}")
        if spied != "done\n":
            raise board.failure(f"{service} gets into process {pid} with {dumpable}: {spied}")
    if dumpable == 1 and "memfd:" in board.shell(f"cat /proc/{child}/maps"):
        raise board.failure(f"{service} shares memory with PID 1, which anybody can dump")
    board.shell("kill $(cat /run/holder); wait $(cat /run/holder) 2>/dev/null; true")
    board.shell(f"apus stop {service}")


def look_at_all(board, dumpable):
    for service, uid in (("as-root", 0), ("as-user", 1234)):
        look(board, service, uid, dumpable)


def check(board, ports):
    board.login()
    board.shell("cp /usr/bin/probe /run/held")
    for number, dumpable in enumerate((0, 1, 2)):
        board.shell(f"echo {dumpable} > /proc/sys/fs/suid_dumpable")
        look_at_all(board, dumpable)
        board.shell(f"sed -i 's/\"nice\": [0-9]*/\"nice\": {number + 5}/' /etc/apus.json; apus apply")
        look_at_all(board, dumpable)
        board.shell("apus reexec")
        board.expect(r"goes on as a new program", 20)
        look_at_all(board, dumpable)
        if dumpable < 2:
            board.send("kill -SEGV 1\n")
            board.expect(r"goes on after a crash", 40, "line `goes on after a crash`")
            look_at_all(board, dumpable)
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
