"""A broken manifest beside a good /etc/apus.fallback.json: the board comes up with the latter."""

MACHINES = ("x86_64",)


def check(board, ports):
    board.expect(r"/etc/apus\.json:1:\d+: error: ", 40, "the error's place in the manifest")
    board.login()
    services = {entry["name"]: entry["state"]
                for entry in board.json("apus status --json")["services"]}
    if services.get("only-in-fallback") != "ready":
        raise board.failure(f"the fallback's service does not run: {services}")
    board.send("apus poweroff\n")
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
