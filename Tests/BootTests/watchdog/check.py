"""PID-12: a watchdog of five seconds is put off for as long as apus is well, whatever the wall clock
says, after a crash, in the rescue shell and after `apus apply`, which can also take it away; once the
loop is stuck, the machine is reset.

The second boot has a program of another name than init and words that a boot loader hands over. After
three crashes a configured shell is on the console, and supervision comes back by itself after a pause,
the next time after twice as long.
"""

MACHINES = ("x86_64",)
MODULES = ("softdog",)
CRASHING = True
# Of softdog, and the first pause after crashes, in seconds.
TIMEOUT = 5
PAUSE = 25
# A loop that is stuck; three crashes.
APPENDS = ("", f"rdinit=/usr/sbin/apus crashes splash APUS_FIRST_PAUSE_MS={1000 * PAUSE} -- x")
HANG = 60


def lives(board, why, times=1):
    """Three times the watchdog's time pass; then PID 1 has it open that often, and the board is there."""
    board.shell(f"sleep {3 * TIMEOUT}", 4 * TIMEOUT + 10)
    held = board.shell("echo $(ls -l /proc/1/fd | grep -c watchdog)").split()[-1]
    if held != str(times):
        raise board.failure(f"PID 1 has the watchdog open {held} times {why}")


def check(board, ports):
    board.expect(rf"watchdog's timeout in seconds is {TIMEOUT}$", 40)
    board.login()
    before = board.await_state("keeper", "ready")
    if "crashes" not in board.shell("cat /proc/cmdline"):
        board.shell("date -u -s '2001-01-01 00:00:00'")
        lives(board, "after the clock was set back")
        board.shell("apus reexec; cp /etc/apus.json /run; cp /etc/without.json /etc/apus.json; apus apply")
        lives(board, "after a manifest without one was applied", times=0)
        board.shell("cp /run/apus.json /etc; apus apply")
        lives(board, "after the first manifest was applied again")
        board.send(f"kill -{HANG} 1\n")
        board.expect(r"softdog: Initiating system reboot", 3 * TIMEOUT)
        return board.expect_end(20)
    for pause in (PAUSE, 2 * PAUSE):
        for signal in ("SEGV", "ILL"):
            board.send(f"kill -{signal} 1\n")
            board.expect(r"goes on after a crash", 40)
            after = board.await_state("keeper", "ready")
            if after["keeper"]["mainPid"] != before["keeper"]["mainPid"]:
                raise board.failure("the crash cost the service")
        board.send("kill -BUS 1\n")
        board.expect(rf"three crashes within a minute.* in {pause} s$", 40)
        board.expect(r"^rescue is configured$", 20, "the configured rescue shell")
        board.prompt(20)
        if pause > PAUSE:
            break
        # What ends in the pause is told afterwards as it was.
        board.shell("kill -USR1 $(pidof sleep)")
        lives(board, "in the rescue shell")
        board.expect(r"goes on after a pause for its crashes", 2 * PAUSE)
        board.login()
        before = board.await_state("keeper", "ready")
        if before["keeper"]["lastExit"] is None or before["keeper"]["lastExit"]["code"] != 10:
            raise board.failure(f"the end in the pause was not seen: {before['keeper']}")
    board.send("kill -TERM 1\n")
    board.expect(r"reboot: Restarting system", 40)
    board.expect_end(20)
