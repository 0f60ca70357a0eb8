"""Ten boots that end before they are good: from the fourth on the fallback manifest is in use.

The eleventh is good, over a new program and a crash of PID 1 once, so that the twelfth has the main
manifest again.
"""

MACHINES = ("x86_64",)
DISK = 32 << 20
FORMAT = "ext4"
APPENDS = tuple(f"boot={number}" for number in range(1, 13))
boots = []


def record(board):
    """What `apus status` tells of the boots."""
    return board.json("apus status --json")["supervisor"]["boots"]


def expect(board, what, found, wanted):
    if found != wanted:
        raise board.failure(f"{what} is {found}, not {wanted}")


def check(board, ports):
    boots.append(board)
    number = len(boots)
    if 4 <= number <= 11:
        board.expect(r"3 boots ended before they were good: /etc/apus.fallback.json is used", 40)
    board.expect("the second manifest" if 4 <= number <= 11 else "the main manifest", 40)
    if number <= 10:
        board.process.kill()
        board.process.wait()
        return
    board.login()
    if number == 11:
        bad = {"failed": 3, "limit": 3, "good": False, "fallback": True}
        expect(board, "what status tells", record(board), bad)
        if "3 boots ended before they were good, the fallback manifest" not in board.shell("apus status"):
            raise board.failure("apus status does not say that the fallback is in use")
        board.shell("apus reexec && apus status > /run/answer", 20)
        expect(board, "what status tells after reexec", record(board), bad)
        board.shell("apus start gate", 20)
        board.await_state("boot-good", "stopped")
        board.shell("until [ $(cat /data/apus/boots) = 0 ]; do usleep 20000; done")
        board.send("kill -SEGV 1\n")
        board.expect(r"goes on after a crash", 40, "line `goes on after a crash`")
        board.shell("apus status > /run/answer; apus stop gate; apus start gate", 20)
        expect(board, "what status tells of a good boot", record(board), {**bad, "good": True})
        expect(board, "what was run", board.shell("cat /data/good").split(), ["once"])
    else:
        good = {"failed": 0, "limit": 3, "good": False, "fallback": False}
        expect(board, "what status tells of the next boot", record(board), good)
        expect(board, "the file", board.shell("cat /data/apus/boots").split(), ["1"])
        board.shell("apus boot | grep -q bootAttempts")
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
