"""RES-10, EXH-01: limits of control groups hold, and a KILL leaves nothing of a group alive.

A service that wants more memory than it may have is killed by the kernel and told so; one that
forks without end is full, and is gone as a whole when it is stopped, after a crash of PID 1 too.
"""

MACHINES = ("x86_64", "aarch64")

GROUP = "/sys/fs/cgroup/apus."

LIMITS = {
    "memory.max": "33554432",
    "memory.high": "16777216",
    "memory.oom.group": "1",
    "pids.max": "5",
    "pids.current": "1",
    "cpu.max": "50000 100000",
    "cpu.weight": "200",
}


def check(board, ports):
    board.login()
    board.await_state("limited", "ready")
    for name, value in LIMITS.items():
        shown = board.shell(f"echo is=$(cat {GROUP}limited/{name})")
        if f"is={value}\n" not in shown:
            raise board.failure(f"{name} is not {value}: {shown}")
    if "in=0::/apus.plain\n" not in board.shell(
            "echo in=$(cat /proc/$(cat /sys/fs/cgroup/apus.plain/cgroup.procs)/cgroup)"):
        raise board.failure("a service without limits is not in a group of its own")

    # Killed for want of memory, and told so.
    entry = board.await_state("hungry", "failed", 60)["hungry"]
    if (entry["lastExit"] or {}).get("reason") != "oom" or "out of memory" not in entry["reason"]:
        raise board.failure(f"hungry does not say that memory ran out: {entry}")

    # Full, but the board is not.
    board.shell(f"until [ $(cat {GROUP}bomb/pids.current) = 20 ]; do usleep 50000; done", 60)
    entry = board.services()["bomb"]
    if entry["tasks"] != 20 or not entry["cpuUs"] or not entry["memoryBytes"]:
        raise board.failure(f"bomb does not say what it uses: {entry}")

    # The groups are found again.
    board.send("kill -SEGV 1\n")
    board.expect(r"goes on after a crash", 40, "line `goes on after a crash`")
    board.shell("apus restart limited")
    board.shell("apus stop bomb", 40)
    board.shell(f"until grep -q 'populated 0' {GROUP}bomb/cgroup.events; do usleep 50000; done", 20)
    left = board.shell("echo left=$(ps | grep -c '[s]leep 424')")
    if "left=0\n" not in left:
        raise board.failure(f"something of the bomb is left: {left}")
    # It is full once more: the limits came back with the group.
    board.shell("apus start bomb")
    board.shell(f"until [ $(cat {GROUP}bomb/pids.current) = 20 ]; do usleep 50000; done", 60)
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
