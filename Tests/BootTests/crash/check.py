"""PID 1 is made to crash: services, sockets and back-off are as before, and the board switches off.

A third crash within a minute gives the rescue shell, with the services still running.
"""

MACHINES = ("x86_64", "aarch64", "arm")


def check(board, ports):
    board.login()
    board.await_state("failing", "backoff")
    before = board.await_state("keeper", "ready")
    for number, signal in enumerate(("SEGV", "ILL"), 1):
        board.send(f"kill -{signal} 1\n")
        board.expect(rf"goes on after a crash.* {number}\b", 40, "line `goes on after a crash`")
        after = board.await_state("keeper", "ready")
        for name, key in (("keeper", "mainPid"), ("keeper", "restarts"), ("failing", "state"),
                          ("failing", "nextStartUs"), ("inetd", "state")):
            old, new = before[name][key], after[name][key]
            # Wall-clock times are made of the boot's clock and may differ a little.
            same = abs(old - new) < 2_000_000 if key == "nextStartUs" else old == new
            if not same:
                raise board.failure(f"{name}.{key} was {old} and is {new} after the crash")
        if "served\n" not in board.shell("nc 127.0.0.1 4000 < /dev/null"):
            raise board.failure("the socket serves nobody after the crash")
    board.send("kill -BUS 1\n")
    board.expect(r"three crashes within a minute", 40, "line `three crashes within a minute`")
    board.expect(r"built-in shell", 20, "the rescue shell")
    board.prompt(20)
    if "keeper=1\n" not in board.shell("echo keeper=$(pidof sleep | wc -w)"):
        raise board.failure("the service is gone with the third crash")
    board.send("kill -USR2 1\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
