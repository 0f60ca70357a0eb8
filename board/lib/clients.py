"""Real clients of the activation protocol for the supervisor tests, from Debian's packages.

    board/lib/clients.py

Leaves .build/board/clients: lighttpd, Python with python3-systemd, systemd-notify, and a server
built here with Debian's Go and its go-systemd, all for this machine, none of it installed. Each
program comes as a small script in clients/bin that runs it with the loader and the libraries of
its own packages. Beside them clients/daemons (daemons.py), a root of daemons as Debian starts
them, and clients/units (units.py), units of many packages. Says nothing when nothing is to do.
"""

import hashlib
import os
import pathlib
import platform
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import daemons  # noqa: E402
import debian  # noqa: E402
import units  # noqa: E402

PACKAGES = ["libpython3.11-minimal", "libpython3.11-stdlib", "libsystemd-shared", "lighttpd",
            "python3-systemd", "python3.11-minimal", "systemd"]
COMPILER = ["golang-1.19-go", "golang-1.19-src", "golang-github-coreos-go-systemd-dev"]
SERVER = debian.ROOT / "Tests" / "Clients" / "server.go"
PLACE = debian.BOARD / "clients"

# What the scripts run, and the variables it needs to find what belongs to it.
PROGRAMS = {
    "python3": ("usr/bin/python3.11", {"PYTHONHOME": "usr", "PYTHONDONTWRITEBYTECODE": "1",
                                       "PYTHONPATH": "usr/lib/python3/dist-packages"}),
    "systemd-notify": ("usr/bin/systemd-notify", {}),
    "lighttpd": ("usr/sbin/lighttpd", {}),
}


def tree(folder, names):
    """Unpack packages and their libraries into a new folder."""
    machine = platform.machine()
    files = debian.download(machine, debian.resolve(machine, names))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    debian.unpack(files, folder)


def scripts(folder):
    """Write the scripts, one for each program."""
    loader = next(folder.glob("lib*/ld-linux*"))
    libraries = [path for path in (folder / "usr/lib").iterdir() if "linux-gnu" in path.name]
    libraries += [path / "systemd" for path in libraries]
    (PLACE / "bin").mkdir(exist_ok=True)
    for name, (program, variables) in PROGRAMS.items():
        lines = ["#!/bin/sh"]
        for variable, value in variables.items():
            lines.append(f"export {variable}='{value if value.isdigit() else folder / value}'")
        lines.append(f"exec '{loader}' --library-path '{':'.join(map(str, libraries))}' "
                     f"'{folder / program}' \"$@\"")
        path = PLACE / "bin" / name
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o755)


def build(folder):
    """Build the Go server without cgo, from the packages' sources alone."""
    home = next((folder / "usr/lib").glob("go-1.*"))
    debian.run(
        str(home / "bin/go"), "build", "-o", str(PLACE / "bin/go-server"), str(SERVER),
        env={"PATH": os.environ["PATH"], "HOME": str(PLACE), "GOROOT": str(home),
             "GOPATH": str(folder / "usr/share/gocode"), "GO111MODULE": "off", "CGO_ENABLED": "0",
             "GOCACHE": str(PLACE / "cache"), "GOFLAGS": "-trimpath"})


def main():
    stamp = PLACE / "made-of"
    sources = [pathlib.Path(__file__), pathlib.Path(daemons.__file__),
               pathlib.Path(units.__file__), SERVER]
    text = b"".join(path.read_bytes() for path in sources) + str(PLACE).encode()
    digest = hashlib.sha256(text).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    debian.say("unpacking real clients for the tests (lighttpd, go-systemd, PostgreSQL …)")
    shutil.rmtree(PLACE, ignore_errors=True)
    # Lists that are too old name packages that are there no more.
    debian.run("bash", "-c", ". board/lib/common.sh; . board/lib/apt.sh; apt_prepare",
               cwd=debian.ROOT)
    tree(PLACE / "tree", PACKAGES)
    scripts(PLACE / "tree")
    daemons.make(PLACE)
    units.make(PLACE)
    tree(PLACE / "go", COMPILER)
    build(PLACE / "go")
    # The compiler is some 400 MB and has done its work.
    for name in ("go", "cache"):
        shutil.rmtree(PLACE / name)
    stamp.write_text(digest)


if __name__ == "__main__":
    try:
        main()
    except (debian.Failure, OSError) as failure:
        sys.exit(f"error: {failure}")
