"""The tutorial's commands, and those of an upgrade in place, typed on a board as the pages have them."""

import pathlib
import re

MACHINES = ("x86_64",)
# With a network, which the service "network" of the image waits for.
PORTS = (7000,)

PAGES = pathlib.Path(__file__).resolve().parents[3] / "Sources/apus/Documentation.docc"

# What the console shows of some of them, by a word of the commands.
SHOWN = {
    "list-sockets": r"lighttpd +listening",
    "wget": r"lighttpd: ready",
    "50-hello.json <<": r"hello from nobody",
    "usr": r"unknown key; did you mean \"user\"\?[\s\S]*exit code 1",
    "60-fails.json <<": r"exit code 1[\s\S]*no disk",
    "reexec": r"lighttpd",
}


def commands(page, begin, end):
    """The shell's blocks of a part of a page."""
    text = (PAGES / page).read_text().partition(begin)[2].partition(end)[0]
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def check(board, ports):
    board.login()
    scripts = commands("Tutorial.md", "## On the board", "## On a real board")
    assert len(scripts) == 6, scripts
    upgrade = commands("Operating.md", "## Upgrade in place", "## Versions")
    for number, script in enumerate([*scripts[:-1], *upgrade]):
        began = len(board.text)
        # The mark is not what is typed, which the terminal shows as well.
        board.send(f"{script}echo mark-$(({number} + 1000))-$?\n")
        board.expect(rf"^mark-{number + 1000}-0$", 60, f"the end of:\n{script}")
        said = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", board.text[began:])
        for word, pattern in SHOWN.items():
            if word in script and not re.search(pattern, said):
                raise board.failure(f"no {pattern!r} after:\n{script}")
    board.send(scripts[-1])
    board.expect(r"reboot: Power down", 40)
    board.expect_end(20)
