"""Sandboxes on an initramfs, and what the kernel says of them.

A forbidden system call is told by its name; a service in a root of its own, which pivot_root(2)
could not give it here, says that it is ready; and a user that is added later is found.
"""

MACHINES = ("x86_64", "aarch64")


def check(board, ports):
    board.login()
    entry = board.await_state("denied", "failed")["denied"]
    if entry["reason"] != "killed by SIGSYS (a system call it may not make: socket)":
        raise board.failure(f"denied does not say which call it may not make: {entry}")

    entry = board.await_state("later", "failed")["later"]
    if "look up the user" not in entry["reason"]:
        raise board.failure(f"later does not say that its user is unknown: {entry}")
    board.shell("echo later:x:1234:1234::/:/bin/sh >> /etc/passwd")
    board.shell("apus start later")
    entry = board.await_state("later", "ready")["later"]
    board.shell(f"grep -q '^Uid:.1234.1234.1234.1234$' /proc/{entry['mainPid']}/status")

    board.shell("mkdir -p /srv/jail/dev /srv/jail/proc /srv/jail/run /srv/jail/tmp")
    board.shell("cp -a /usr /etc /bin /lib /lib64 /srv/jail 2>/dev/null; ls -d /srv/jail/usr", 30)
    board.shell("apus start rooted", 30)
    entry = board.await_state("rooted", "ready")["rooted"]
    board.shell("dbus-send --system --print-reply --dest=org.freedesktop.DBus / "
                "org.freedesktop.DBus.ListNames | grep -q org.freedesktop.DBus")
    board.shell(f"cd /proc/{entry['mainPid']}/root && test -d usr && test ! -e srv; cd")
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
