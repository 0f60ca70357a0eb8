"""A broken manifest beside a good /etc/apus.fallback.json: the board comes up with the latter."""

MACHINES = ("x86_64",)


def check(board, ports):
    board.expect(r"/etc/apus\.json:1:\d+: error: ", 40, "the error's place in the manifest")
    board.login()
    board.await_state("only-in-fallback", "ready")
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
