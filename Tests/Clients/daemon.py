"""A daemon on libsystemd's functions, by python3-systemd.

Answers a connection with its pid, what listen_fds_with_names and the is_… functions say of each
descriptor, what an earlier life has parked in the fd store, and how many variables are left. A
client that sends "hang" makes it forget its watchdog.
"""

import os
import re
import select
import socket
import subprocess

from systemd import daemon

KINDS = (
    ("stream", lambda fd: daemon.is_socket_unix(fd, socket.SOCK_STREAM, 1)),
    ("datagram", lambda fd: daemon.is_socket_unix(fd, socket.SOCK_DGRAM)),
    ("tcp", lambda fd: daemon.is_socket_inet(fd, socket.AF_INET, socket.SOCK_STREAM, 1)),
    ("fifo", daemon.is_fifo),
)


def kind(fd):
    """What libsystemd takes the descriptor for."""
    return next((word for word, function in KINDS if function(fd)), "other")


def parked(named):
    """The text that an earlier life has left in the fd store; the first one leaves it."""
    for fd, name in named.items():
        if name == "parked":
            return os.pread(fd, 100, 0).decode()
    fd = os.memfd_create("parked")
    os.write(fd, f"by-{os.getpid()}".encode())
    if not daemon.notify("FDSTORE=1\nFDNAME=parked", fds=[fd]):
        raise SystemExit("cannot park a descriptor")
    return "nothing"


named = daemon.listen_fds_with_names()
pause = int(os.environ["WATCHDOG_USEC"]) / 3e6
# os.environ is what it was when Python began; a child gets what libsystemd has left.
left = len(re.findall("^LISTEN_(?:FDS|PID|FDNAMES)=", subprocess.check_output("env", text=True), re.M))
text = f"{os.getpid()} {parked(named)} left={left} " + " ".join(
    f"{fd}={name}:{kind(fd)}" for fd, name in sorted(named.items()))
listeners = [socket.socket(fileno=fd) for fd in named if kind(fd) in ("stream", "tcp")]
daemon.notify("READY=1\nSTATUS=served nobody")
served = 0
hangs = False
while True:
    ready, _, _ = select.select(listeners, [], [], None if hangs else pause)
    for listener in ready:
        client, _ = listener.accept()
        client.sendall((text + "\n").encode())
        hangs = hangs or client.recv(100) == b"hang"
        client.close()
        served += 1
        daemon.notify(f"STATUS=served {served}")
    if not hangs:
        daemon.notify("WATCHDOG=1")
