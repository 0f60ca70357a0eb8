"""Switching off with a service that ignores SIGTERM, one with stragglers, and dependencies."""

import time

MACHINES = ("x86_64", "aarch64", "raspi3b", "arm")


def check(board, ports):
    board.login()
    for name in ("top", "stubborn", "straggler"):
        board.await_state(name, "ready")
    board.shell("ps | grep -q '[s]leep 4242'")
    began = time.monotonic()
    board.send("poweroff\n")
    # What needs something is stopped before it.
    board.expect(r"top has ended", 40)
    board.expect(r"base has ended", 40)
    # Without its watchdog driver, which this manifest does not load, a Pi 3 can only halt.
    board.expect(r"reboot: Power down" if board.machine.powers_off else r"reboot: System halted",
                 40)
    took = time.monotonic() - began
    # The stubborn one has two seconds before SIGKILL; everything else is quick.
    if took < 1.5:
        raise board.failure(f"switched off after {took:.1f} s: the stop timeout was not waited for")
    if took > 15 * board.machine.slow:
        raise board.failure(f"switching off took {took:.1f} s")
    board.expect_end(20)
