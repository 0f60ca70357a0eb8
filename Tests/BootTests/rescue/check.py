"""A manifest that is no JSON and no fallback: a shell on the console, and the board stays up.

It is the shell that the manifest names, as far as that can be read; so it is where the kernel command
line asks for a shell.
"""

MACHINES = ("x86_64", "aarch64", "arm")
APPENDS = ("", "quiet single")


def check(board, ports):
    board.expect(r"/etc/apus\.json:4:\d+: error: ", 40, "the error's place in the manifest")
    board.expect(r"^rescue is configured$", 20, "the configured shell")
    board.prompt(20)
    shown = board.shell("echo mounted=$(mount | grep -c '^[a-z0-9]* on /proc type proc ')")
    if "mounted=1\n" not in shown:
        raise board.failure(f"/proc is not mounted once: {shown}")
    # When memory runs out, the shell and what it starts are there to be killed.
    scores = board.shell("cat /proc/1/oom_score_adj /proc/$$/oom_score_adj").split()
    if scores != ["-1000", "0"]:
        raise board.failure(f"PID 1 and the shell have the scores {scores}")
    # The shell is a child: leaving it must not take the board along.
    board.send("exit\n")
    board.expect(r"^rescue is configured$", 20, "a new shell")
    board.prompt(20)
    board.shell("test $$ -ne 1")
    board.send("kill -USR2 1\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
