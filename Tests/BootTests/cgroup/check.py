"""Control groups hold what they are told, and nothing of a group outlives its service.

Limits are in the kernel's files; a service that wants more memory than it may have is killed by
the kernel and told so, alone or with all of its group; one that forks without end is contained and
is gone as a whole when it is stopped, after a crash of PID 1 too; one that computes without end is
slowed down; and an idle one is frozen before it is stopped.
"""

MACHINES = ("x86_64", "aarch64")

GROUP = "/sys/fs/cgroup/apus."
TRACING = "/sys/kernel/tracing"

LIMITS = {
    "memory.max": "33554432",
    "memory.high": "16777216",
    "memory.oom.group": "1",
    "pids.max": "5",
    "pids.current": "1",
    "cpu.max": "50000 100000",
    "cpu.weight": "200",
}


def until(board, condition, timeout=20):
    """Wait on the board until a command of its shell succeeds."""
    board.shell(f"until {condition}; do usleep 50000; done", timeout)


def check_limits(board):
    enabled = board.shell("cat /sys/fs/cgroup/cgroup.subtree_control").split()
    if not {"memory", "pids", "cpu"} <= set(enabled):
        raise board.failure(f"controllers are missing: {enabled}")
    shown = board.shell(f"cd {GROUP}limited; for name in {' '.join(LIMITS)}; do "
                        "echo $name is $(cat $name); done; cd")
    for name, value in LIMITS.items():
        if f"{name} is {value}\n" not in shown:
            raise board.failure(f"{name} is not {value}: {shown}")
    if "in=0::/apus.plain\n" not in board.shell(
            "echo in=$(cat /proc/$(cat /sys/fs/cgroup/apus.plain/cgroup.procs)/cgroup)"):
        raise board.failure("a service without limits is not in a group of its own")


def check_memory(board):
    for name in ("hungry", "family"):
        entry = board.await_state(name, "failed", 60)[name]
        last = entry["lastExit"] or {}
        if last.get("reason") != "oom" or "out of memory" not in entry["reason"]:
            raise board.failure(f"{name} does not say that memory ran out: {entry}")
    # Nobody but the kernel has ended the rest of the family.
    until(board, f"grep -q 'populated 0' {GROUP}family/cgroup.events")


def check_processor(board):
    until(board, f"grep -q 'nr_throttled [1-9]' {GROUP}busy/cpu.stat")
    first = board.services()["busy"]
    board.shell("usleep 1000000")
    second = board.services()["busy"]
    # A tenth of a processor; the emulated one may be late, but not by three times.
    used = second["cpuUs"] - first["cpuUs"]
    if not 0 < used < 1_000_000:
        raise board.failure(f"busy has used {used} us of about 100000")


def await_full(board):
    # Whether the shell that was refused a process is still there is of no interest.
    until(board, f"grep -q 'max [1-9]' {GROUP}bomb/pids.events", 60)
    entry = board.services()["bomb"]
    if not 15 <= entry["tasks"] <= 20 or not entry["cpuUs"] or not entry["memoryBytes"]:
        raise board.failure(f"bomb does not say what it uses: {entry}")


def stop_bomb(board):
    board.shell("apus stop bomb", 40)
    until(board, f"grep -q 'populated 0' {GROUP}bomb/cgroup.events")
    left = board.shell("echo left=$(ps | grep -c '[s]leep 424')")
    if "left=0\n" not in left:
        raise board.failure(f"something of the bomb is left: {left}")


def check_idle(board):
    board.shell(f"mount -t tracefs tracefs {TRACING}")
    for event in ("freeze", "notify_frozen", "unfreeze"):
        board.shell(f"echo 1 > {TRACING}/events/cgroup/cgroup_{event}/enable")
    for attempt in range(2):
        board.shell("wget -q -O - http://127.0.0.1/ | grep -q title", 20)
        entry = board.services()["idle"]
        if entry["state"] != "ready":
            raise board.failure(f"idle serves a page and is not ready: {entry}")
        board.await_state("idle", "listening")
    trace = board.shell(f"grep apus.idle {TRACING}/trace")
    places = [trace.find(f" cgroup_{event}: ") for event in ("freeze", "notify_frozen", "unfreeze")]
    if not -1 < places[0] < places[1] < places[2]:
        raise board.failure(f"idle was not frozen before it was stopped: {trace}")


def check(board, ports):
    board.login()
    board.await_state("limited", "ready")
    check_limits(board)
    check_memory(board)
    check_processor(board)
    await_full(board)

    # The groups are found again after a crash, and are still killed as a whole.
    board.send("kill -SEGV 1\n")
    board.expect(r"goes on after a crash", 40, "line `goes on after a crash`")
    board.shell("apus restart limited")
    stop_bomb(board)
    # It is full once more: the limits came back with the group.
    board.shell("apus start bomb")
    await_full(board)
    stop_bomb(board)
    check_idle(board)
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
