"""PID-07: the kernel's file systems with their flags and modes, and what `system` asks for.

What cannot be had (a setting, a module, a mount) is said on the console and stops nothing.
PID 1 is spared when memory runs out, and nobody inherits that. EXH-11: a real-time service that never
waits does not keep apus from an answer.
RES-07: the wall clock is set forward and back, under timers of both kinds.
CTL-12, CTL-13: a manifest is applied by command and by SIGHUP, with a mistake and without.
"""

import re
import time

MACHINES = ("x86_64",)
APPEND = "apus.mask=masked"
# Far from the moment of the timer `nightly`.
OPTIONS = ("-rtc", "base=2026-01-10T01:00:00")

MOUNTS = {
    "/proc": ("proc", {"nosuid", "nodev", "noexec"}, "555"),
    "/sys": ("sysfs", {"nosuid", "nodev", "noexec"}, "555"),
    "/dev": ("devtmpfs", {"nosuid"}, "755"),
    "/dev/pts": ("devpts", {"nosuid", "noexec", "gid=5", "mode=620", "ptmxmode=666"}, "755"),
    "/dev/shm": ("tmpfs", {"nosuid", "nodev"}, "1777"),
    "/run": ("tmpfs", {"nosuid", "nodev", "mode=755"}, "755"),
    "/sys/fs/cgroup": ("cgroup2", {"nosuid", "nodev", "noexec"}, "555"),
    "/mnt/data": ("tmpfs", {"nosuid", "nodev", "size=1024k"}, "700"),
}


def runs(board, timer, count):
    """Wait until a timer's service has noted its runs that often; what it has noted."""
    limit = time.monotonic() + 30 * board.machine.slow
    while True:
        noted = board.shell(f"cat /run/{timer} 2>/dev/null || true").split()
        if len(noted) >= count:
            return [float(moment) for moment in noted]
        if time.monotonic() > limit:
            raise board.failure(f"{timer} has run {len(noted)} times, not {count}")
        time.sleep(0.2)


def set_clock(board, day, clock):
    """Set the wall clock, then wait for two beats of a timer that it must not disturb."""
    beats = len(runs(board, "steady", 1))
    board.shell(f"date -u -s '2026-01-{day} {clock}'")
    runs(board, "steady", beats + 2)


def check_clock(board):
    """Calendar moments that are stepped over count once; those stepped back to count again."""
    if runs(board, "nightly", 0):
        raise board.failure("nightly has run before its time")
    # What was noted beside the real-time service was noted late.
    beats = len(runs(board, "steady", 1))
    beats = len(runs(board, "steady", beats + 1))
    set_clock(board, 12, "04:00:00")
    set_clock(board, 10, "02:00:00")
    set_clock(board, 10, "02:30:00")
    nightly = runs(board, "nightly", 1)
    if len(nightly) != 1:
        raise board.failure(f"nightly has run {len(nightly)} times at one step over two moments")
    set_clock(board, 10, "02:59:59")
    nightly = runs(board, "nightly", 2)
    # 2026-01-12 04:00 and 2026-01-10 03:00, in seconds since 1970.
    for moment, expected in zip(nightly, (1768190400, 1768014000), strict=True):
        if not expected <= moment < expected + 5:
            raise board.failure(f"nightly has run at {moment}, not at {expected}")
    steady = runs(board, "steady", beats + 2)[beats - 1:]
    # The service notes its start itself: on a loaded machine a moment after it, and never before.
    count = len(steady) - 1
    if not 2 * count - 1 < steady[-1] - steady[0] < 5 * count:
        raise board.failure(f"the steps disturbed an interval of two seconds: {steady}")
    if len(runs(board, "hourly", 1)) != 1:
        raise board.failure("the steps of days made an interval of an hour elapse")


def check_scores(board):
    """PID 1 has its own score, and what a service forks at once the service's, whatever others get."""
    for name, count, score in (("exempt", 1, "-1000"), ("zero", 8, "0"), ("high", 8, "700")):
        board.shell(f"until [ $(wc -l < /run/{name}) = {count} ]; do usleep 50000; done", 20)
        shown = board.shell(f"sort -u /run/{name}").split()
        if shown != [score]:
            raise board.failure(f"what {name} has forked has the scores {shown}, not {score}")
    for process, score in (("1", "-1000"), ("self", "0"), ("$(pidof sleep)", "0")):
        if board.shell(f"cat /proc/{process}/oom_score_adj").split() != [score]:
            raise board.failure(f"{process} has not the score {score}")


def check_starved(board):
    """The kernel leaves the rest a twentieth of each second (kernel.sched_rt_runtime_us)."""
    board.shell("apus start spinner", 60)
    pid = board.services()["spinner"]["mainPid"]
    if board.shell(f"cut -d' ' -f40,41 /proc/{pid}/stat").split() != ["50", "1"]:
        raise board.failure("spinner is not real-time")
    now = "cut -d' ' -f1 /proc/uptime"
    slowest = 0
    for _ in range(5):
        shown = board.shell(f"{now}; apus status spinner >/dev/null; {now}", 60).split()
        slowest = max(slowest, float(shown[-1]) - float(shown[0]))
    # Two seconds are declared; the emulated processor is slower than any real one.
    if slowest > 4:
        raise board.failure(f"an answer took {slowest} s")
    board.shell("apus stop spinner", 60)
    if board.services()["spinner"]["state"] != "stopped":
        raise board.failure("spinner is not stopped")


def pids(board, *names):
    """The main pids of services, all of them ready."""
    entries = {name: board.await_state(name, "ready")[name] for name in names}
    return [entries[name]["mainPid"] for name in names]


def check_apply(board):
    """Nothing changes with a mistake, and only what is not the same without."""
    drop_in = "/etc/apus.d/10-apply.json"
    board.shell(f"cp {drop_in} /run/before.json")
    kept = pids(board, "kept", "needy")
    edited = pids(board, "edited", "leaving")
    socket = board.shell("stat -c %i /run/edited.sock").split()[-1]
    board.shell(f"sed 's/\"start\"/\"restart\": 7, \"start\"/' /run/before.json >{drop_in}")
    mistake = drop_in + r":\d+:\d+: error: services\.leaving\.restart: "
    shown = board.shell("apus apply 2>&1; test $? = 1")
    if not re.search(mistake, shown) or "nothing was changed" not in shown:
        raise board.failure(f"the mistake is not told: {shown}")
    board.send("kill -HUP 1\n")
    board.expect(mistake, 20)
    board.expect("goes on as a new program", 20)
    if pids(board, "kept", "needy") + pids(board, "edited", "leaving") != kept + edited:
        raise board.failure("a mistake changed something")
    board.shell(f"sed -e '/leaving/,/leaving.sock/d' -e 's/\"edited\": {{/&\"nice\": 1, /' "
                f"-e 's/\"needy\"/\"added\": {{\"exec\": [\"\\/bin\\/cat\"], "
                f"\"listen\": [{{\"stream\": \"\\/run\\/added.sock\"}}]}}, &/' "
                f"/run/before.json >{drop_in}")
    plan = ["added: added", "edited: changed", "leaving: removed"]
    for line in ("apus apply --dry-run", "apus apply"):
        shown = board.shell(line + " | sort").splitlines()
        if [line for line in shown if line in plan] != plan:
            raise board.failure(f"`{line}` says {shown}, not {plan}")
    services = board.services()
    if "leaving" in services or services["added"]["state"] != "listening":
        raise board.failure(f"the manifest is not in force: {services}")
    if pids(board, "kept", "needy") != kept or pids(board, "edited")[0] == edited[0]:
        raise board.failure("what has not changed was touched, or what has was not")
    board.shell("test ! -e /run/leaving.sock && test -S /run/added.sock")
    board.shell(f"test $(stat -c %i /run/edited.sock) = {socket}")
    board.shell("test ! -e /sys/fs/cgroup/apus/leaving && ! kill -0 " + str(edited[1]))
    board.shell(f"cp /run/before.json {drop_in}")
    board.send("kill -HUP 1\n")
    board.expect("goes on with another manifest", 20)
    if pids(board, "leaving", "kept", "needy")[1:] != kept or "added" in board.services():
        raise board.failure("SIGHUP did not bring the manifest of before back")


def check(board, ports):
    for complaint in (r"cannot write /proc/sys/kernel/no_such_key: ENOENT \(2\)",
                      r"cannot load module no_such_module: ENOENT \(2\)",
                      r"cannot mount /mnt/none: E\w+ \(\d+\)",
                      r"cannot find the user or group of /mnt/data/whose: ENOENT \(2\)",
                      r"cannot make /proc/none: ENOENT \(2\)",
                      r"cannot make /mnt/data/web: EEXIST \(17\)"):
        board.expect(complaint, 40)
    board.login()
    table = {}
    for line in board.shell("cat /proc/mounts").splitlines():
        fields = line.split()
        if len(fields) == 6:
            table.setdefault(fields[1], []).append((fields[2], set(fields[3].split(","))))
    for place, (kind, flags, mode) in MOUNTS.items():
        found = table.get(place, [])
        if len(found) != 1 or found[0][0] != kind or not flags <= found[0][1]:
            raise board.failure(f"{place} is not mounted once as {kind} with {flags}: {found}")
        if board.shell(f"stat -c %a {place}").split()[-1] != mode:
            raise board.failure(f"{place} has not the mode {mode}")
    for line, answer in {
            "hostname": "system-case",
            "cat /proc/sys/kernel/panic": "7",
            "cat /proc/sys/net/ipv4/ip_forward": "1",
            "cat /proc/sys/kernel/ctrl-alt-del": "0",
            "ls -d /sys/module/virtio_net": "/sys/module/virtio_net",
            "cat /sys/class/net/lo/flags": "0x9",
            "for n in 0 1 2; do readlink /proc/1/fd/$n; done | uniq": "/dev/console",
            "readlink /dev/fd": "/proc/self/fd",
            "stat -c %F:%a:%U:%g /mnt/data/web | tr -d ' '": "directory:2750:nobody:0",
            "stat -c %a:%u:%g /mnt/data/web/state": "640:0:7",
            "cat /mnt/data/state": "fresh",
            "readlink /mnt/data/state": "web/state",
            "stat -c %F:%a /mnt/data/orders": "fifo:600",
            "stat -c %a:%t:%T /mnt/data/none": "666:1:3",
            "ls -d /mnt/data/whose 2>/dev/null | wc -l": "0",
            "grep lost /etc/passwd | wc -l": "0",
            # Of descriptors PID 1 itself may have more.
            "echo $(ulimit -Sn):$(ulimit -Hn)": "1024:4096",
            "pidof sleep | wc -w": "1"}.items():
        shown = board.shell(line).split()
        if shown[-1:] != [answer]:
            raise board.failure(f"`{line}` says {shown}, not {answer}")
    # PRI-07: a name that is root by its id.
    board.shell("echo 'toor:x:0:0::/:/bin/sh' >>/etc/passwd")
    board.shell("""echo '{"apus":1,"services":{"a":{"exec":["/x"],"user":"toor"},"""
                """"b":{"exec":["/x"],"user":"nobody"}}}' >/tmp/users.json""")
    shown = board.shell("apus check --security /tmp/users.json | cat")
    if not re.search(r"a +toor \(uid 0\) +all .*\n.*b +nobody +none ", shown):
        raise board.failure(f"another name of root is not told: {shown}")
    services = board.services()
    if services["kept"]["state"] != "ready" or services["masked"]["mainPid"] != 0:
        raise board.failure(f"masked is not masked: {services}")
    check_scores(board)
    check_starved(board)
    check_clock(board)
    check_apply(board)
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
