"""The manifest named on the kernel's command line, and a reboot asked for by SIGTERM to PID 1."""

MACHINES = ("x86_64", "arm")
APPEND = "apus.manifest=/etc/other.json"


def check(board, ports):
    board.login()
    names = sorted(board.services())
    if names != ["console", "only-in-other"]:
        raise board.failure(f"not the services of /etc/other.json: {names}")
    if "name=other\n" not in board.shell("echo name=$(hostname)"):
        raise board.failure("the host name is not the manifest's")
    board.send("kill -TERM 1\n")
    board.expect(r"reboot: Restarting system", 40)
    board.expect_end(20)
