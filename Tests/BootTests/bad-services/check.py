"""One of ten services is invalid and a drop-in is no JSON: the nine run, what failed says why."""

MACHINES = ("x86_64", "aarch64", "arm")


def check(board, ports):
    board.login()
    board.await_state("s5", "ready")
    board.await_state("s9", "ready")
    # Not at the moment of one of its starts.
    entries = board.await_state("missing", "backoff")

    def expect(name, states, reason=""):
        entry = entries.get(name)
        if not entry or entry["state"] not in states or reason not in (entry["reason"] or ""):
            raise board.failure(f"{name} should be {' or '.join(states)} ({reason}): {entry}")

    expect("bad", ("invalid",))
    for number in range(1, 6):
        expect(f"s{number}", ("ready",))
    expect("s6", ("listening",))
    expect("missing", ("backoff", "failed"), "/no/such/program")
    expect("stranger", ("invalid", "failed", "backoff"))
    expect("s9", ("ready",))
    if any(entry["mainPid"] for name, entry in entries.items()
           if name in ("bad", "s6", "missing", "stranger")):
        raise board.failure(f"a process where none should be: {entries}")

    # Two want one port: one has it, the other says why it has not; neither stops the boot.
    sockets = board.json("apus list-sockets --json")["sockets"]
    states = sorted(item["state"] for item in sockets if item["address"].endswith("4000"))
    if states != ["error", "listening"]:
        raise board.failure(f"port 4000 should be bound once and refused once: {sockets}")
    if not any("EADDRINUSE" in (item["reason"] or "") for item in sockets):
        raise board.failure(f"no EADDRINUSE among the reasons: {sockets}")

    # inetd style: each connection has its own process, which is gone afterwards.
    for text in ("first", "second"):
        answer = board.shell(f"echo {text} | nc 127.0.0.1 4006")
        if text not in answer.split():
            raise board.failure(f"the connection's process did not answer: {answer}")

    # Every orphan is collected by PID 1.
    board.shell("for i in 1 2 3 4 5; do (sleep 0.1 &) ; done; usleep 500000")
    # apus writes to this console as well, so what matters is on a line of its own.
    zombies = board.shell("echo zombies=$(ps -o stat | grep -c '^Z')")
    if "zombies=0\n" not in zombies:
        raise board.failure(f"zombies are left: {zombies}")
    order = board.shell("echo order=$(cat /run/order)")
    if "order=early late\n" not in order:
        raise board.failure(f"s5 should run after s4 was ready: {order}")
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
