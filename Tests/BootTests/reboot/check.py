"""The manifest named on the kernel's command line, and a reboot asked for by SIGTERM to PID 1.

The second boot ends with `reboot "0 tryboot"`: the kernel gets the argument, of the first order that has
one, and over a crash of apus while services stop.
"""

MACHINES = ("x86_64", "arm")
APPENDS = ("apus.manifest=/etc/other.json", "apus.manifest=/etc/other.json again")


def check(board, ports):
    board.login()
    names = sorted(board.services())
    if names != ["console", "only-in-other", "slow"]:
        raise board.failure(f"not the services of /etc/other.json: {names}")
    if "name=other\n" not in board.shell("echo name=$(hostname)"):
        raise board.failure("the host name is not the manifest's")
    if "again" not in board.shell("cat /proc/cmdline"):
        board.send("kill -TERM 1\n")
        board.expect(r"reboot: Restarting system\r?\n", 40)
    else:
        board.send("apus reboot '0 tryboot'; apus reboot other; kill -SEGV 1\n")
        board.expect(r"reboot refused: reboot was ordered first", 40)
        board.expect(r"goes on after a crash", 40)
        board.expect(r"reboot: Restarting system with command '0 tryboot'", 40)
    board.expect_end(20)
