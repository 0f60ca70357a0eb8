"""The demonstration of board/boot --demo, without its tables."""

import demo

MACHINES = ("x86_64", "aarch64", "raspi3b", "arm")
PORTS = (22, 80)


def check(board, ports):
    demo.Story(board, ports).play()
