"""PID-12: a watchdog of five seconds is put off for as long as apus is well, whatever the wall clock
says, after a crash and in the rescue shell; once the loop is stuck, the machine is reset.
"""

MACHINES = ("x86_64",)
MODULES = ("softdog",)
CRASHING = True
# A loop that is stuck; three crashes.
APPENDS = ("", "crashes")
# Of softdog, in seconds.
TIMEOUT = 5
HANG = 60


def lives(board, why):
    """Three times the watchdog's time pass; then PID 1 still has it, once, and the board is there."""
    board.shell(f"sleep {3 * TIMEOUT}", 4 * TIMEOUT + 10)
    held = board.shell("ls -l /proc/1/fd | grep -c watchdog").split()[-1]
    if held != "1":
        raise board.failure(f"PID 1 has the watchdog open {held} times {why}")


def check(board, ports):
    board.expect(rf"watchdog's timeout in seconds is {TIMEOUT}$", 40)
    board.login()
    before = board.await_state("keeper", "ready")
    if "crashes" not in board.shell("cat /proc/cmdline"):
        board.shell("date -u -s '2001-01-01 00:00:00'")
        lives(board, "after the clock was set back")
        board.send(f"kill -{HANG} 1\n")
        board.expect(r"softdog: Initiating system reboot", 3 * TIMEOUT)
        return board.expect_end(20)
    for signal in ("SEGV", "ILL"):
        board.send(f"kill -{signal} 1\n")
        board.expect(r"goes on after a crash", 40)
        after = board.await_state("keeper", "ready")
        if after["keeper"]["mainPid"] != before["keeper"]["mainPid"]:
            raise board.failure("the crash cost the service")
    lives(board, "after two crashes")
    board.send("kill -BUS 1\n")
    board.expect(r"three crashes within a minute", 40)
    board.expect(r"built-in shell", 20, "the rescue shell")
    board.prompt(20)
    lives(board, "in the rescue shell")
    board.send("kill -TERM 1\n")
    board.expect(r"reboot: Restarting system", 40)
    board.expect_end(20)
