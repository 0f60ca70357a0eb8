"""PID-13: an initramfs hands over to another root; no descriptor, mount or process of its stays."""

MACHINES = ("x86_64", "arm")
APPEND = "rdinit=/first"


def check(board, ports):
    board.login()
    kept = board.shell("for fd in /proc/1/fd/*; do readlink $fd; done | grep -c first; true").split()
    if kept[-1:] != ["0"]:
        raise board.failure("PID 1 has a descriptor of the first stage")
    table = [line.split() for line in board.shell("cat /proc/1/mountinfo").splitlines()]
    places = [fields[4] for fields in table if len(fields) > 8]
    if places.count("/") != 1 or "/board" in places or len(set(places)) != len(places):
        raise board.failure(f"mounts of the first stage are left: {places}")
    root = board.shell("stat -f -c %T /").split()
    if root[-1:] != ["tmpfs"]:
        raise board.failure(f"the root is another: {root}")
    left = board.shell("grep -l 'fir[s]t' /proc/[0-9]*/cmdline; true").strip()
    if left:
        raise board.failure(f"a process of the first stage is left: {left}")
    if board.services()["kept"]["state"] != "ready":
        raise board.failure("the service is not ready")
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
