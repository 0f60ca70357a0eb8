"""PID-12: a watchdog of five seconds is put off for as long as apus is well, whatever the wall clock
says and also after a crash; once the loop is stuck, the machine is reset.
"""

MACHINES = ("x86_64",)
MODULES = ("softdog",)
CRASHING = True
# Of softdog, in seconds.
TIMEOUT = 5
HANG = 60


def lives(board, why):
    """Three times the watchdog's time pass; then the board is still there."""
    board.shell(f"sleep {3 * TIMEOUT}", 4 * TIMEOUT + 10)
    if "still here\n" not in board.shell("echo still here"):
        raise board.failure(f"the board is gone {why}")


def check(board, ports):
    board.expect(rf"watchdog's timeout in seconds is {TIMEOUT}$", 40)
    board.login()
    before = board.await_state("keeper", "ready")
    held = board.shell("ls -l /proc/1/fd | grep -c watchdog").split()[-1]
    if held != "1":
        raise board.failure(f"PID 1 has the watchdog open {held} times")
    board.shell("date -u -s '2001-01-01 00:00:00'")
    lives(board, "after the clock was set back")
    board.send("kill -SEGV 1\n")
    board.expect(r"goes on after a crash", 40)
    if board.await_state("keeper", "ready")["keeper"]["mainPid"] != before["keeper"]["mainPid"]:
        raise board.failure("the crash cost the service")
    lives(board, "after a crash")
    held = board.shell("ls -l /proc/1/fd | grep -c watchdog").split()[-1]
    if held != "1":
        raise board.failure(f"PID 1 has the watchdog open {held} times after a crash")
    board.send(f"kill -{HANG} 1\n")
    board.expect(r"softdog: Initiating system reboot", 3 * TIMEOUT)
    board.expect_end(20)
