"""A USB FunctionFS ep0 as a `special` listener, on a gadget that is its own host (dummy_hcd).

Its service is started once, describes the function on the descriptor it is given, and ends. apus keeps
ep0 open, so the function stays as it has been described; what the host does to it can be read there
and starts the service again.
"""

MACHINES = ("aarch64",)
MODULES = ("dummy_hcd", "libcomposite", "usb_f_fs")

# The kernel forgets a bind that is not read before the enabling (usb_functionfs_event_type).
UNBIND, ENABLE = 1, 2
UDC = "/sys/kernel/config/usb_gadget/board/UDC"


def await_line(board, line):
    """Until a command succeeds on the board, for at most 20 seconds."""
    board.shell(f"for n in $(seq 100); do {line} && break; sleep 0.2; done; {line} || "
                "{ apus list-sockets; apus status usb; cat /run/usb.*; dmesg | tail -n 20; false; }", 60)


def check(board, ports):
    board.login()
    board.await_state("gadget", "ready")
    # The listener waits for the mount by itself.
    await_line(board, "apus list-sockets --json | grep -q '\"state\":\"listening\"'")
    board.shell("apus start usb", 30)
    await_line(board, "test -e /run/usb.described -a -e /dev/ffs/ep1")
    board.await_state("usb", "listening")
    board.shell("test ! -e /run/usb.events")
    # The host looks at a device as soon as it has a controller.
    board.shell(f"ls /sys/class/udc > {UDC}")
    await_line(board, f"grep -qx {ENABLE} /run/usb.events")
    board.shell("grep -q 0104 /sys/bus/usb/devices/*-*/idProduct")
    board.await_state("usb", "listening")
    board.shell(f"echo > {UDC}")
    await_line(board, f"grep -qx {UNBIND} /run/usb.events")
    lives = board.shell("cat /run/usb.fds").splitlines()
    lives = [line.strip() for line in lives if "ep0" in line and "cat" not in line]
    if len(lives) < 3 or set(lives) != {"1 ep0"}:
        raise board.failure(f"the service was given {lives}")
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 60)
    board.expect_end(30)
