"""PID-07: the kernel's file systems with their flags and modes, and what `system` asks for.

What can not be had (a setting, a module, a mount) is said on the console and stops nothing.
"""

MACHINES = ("x86_64",)
APPEND = "apus.mask=masked"

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


def check(board, ports):
    for complaint in (r"cannot write /proc/sys/kernel/no_such_key: ENOENT \(2\)",
                      r"cannot load module no_such_module: ENOENT \(2\)",
                      r"cannot mount /mnt/none: E\w+ \(\d+\)"):
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
            # Of descriptors PID 1 itself may have more.
            "echo $(ulimit -Sn):$(ulimit -Hn)": "1024:4096",
            "pidof sleep | wc -w": "1"}.items():
        shown = board.shell(line).split()
        if shown[-1:] != [answer]:
            raise board.failure(f"`{line}` says {shown}, not {answer}")
    services = board.services()
    if services["kept"]["state"] != "ready" or services["masked"]["mainPid"] != 0:
        raise board.failure(f"masked is not masked: {services}")
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
