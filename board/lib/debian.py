"""Debian packages of any board, downloaded and unpacked without installing them.

apt itself resolves the dependencies, on the private state that board/lib/apt.sh keeps and against
an empty status file, so what this machine has installed changes nothing. Packages are kept in
.build/cache/debs: a second image downloads nothing twice.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / ".build"
BOARD = BUILD / "board"
CACHE = BUILD / "cache" / "debs"

# The board's name for a machine, and Debian's. armel is soft float: right for every 32-bit Pi.
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64", "arm": "armel"}

# The libraries a program loads come as packages named like this; the rest of what apt would
# install beside them (perl, debconf, a whole init system) has no business on the device.
LIBRARY = re.compile(r"(lib(?!perl|systemd-shared|sepol|semanage)|zlib)[a-z0-9]")


class Failure(Exception):
    """A step failed; the text is the whole message for the operator."""


def say(text):
    """Tell what a step that takes more than a moment is about to do."""
    print(f"==> {text}", file=sys.stderr, flush=True)


def run(*argv, **options):
    """Run a command and return its standard output; what it printed is shown if it fails."""
    done = subprocess.run(argv, text=True, capture_output=True, **options)
    if done.returncode:
        raise Failure(f"{' '.join(map(str, argv))}: exit {done.returncode}\n"
                      f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def apt(*argv, **options):
    """Run an apt tool on the private state, which knows all architectures."""
    configuration = BOARD / "apt" / "apt.conf"
    if not configuration.exists():
        run("bash", "-c", ". board/lib/common.sh; . board/lib/apt.sh; apt_prepare", cwd=ROOT)
    return run(*argv, env={**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"}, **options)


def resolve(architecture, names):
    """The packages NAMES and every library package they need, as pairs of name and file name."""
    debian = DEBIAN[architecture]
    listing = apt(
        "apt-get", "-qq", "-y", "--no-install-recommends", "--print-uris",
        "-o", f"APT::Architecture={debian}", "-o", "Dir::State::status=/dev/null",
        "-o", "Debug::NoLocking=1", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",
        "install", *names)
    found = []
    for file in re.findall(r"^\S+ (\S+\.deb) ", listing, re.M):
        name = file.split("_")[0]
        if name in names or LIBRARY.match(name):
            found.append((name, file))
    missing = set(names) - {name for name, _ in found}
    if missing:
        raise Failure(f"no Debian package for {architecture}: {', '.join(sorted(missing))}")
    return found


def download(architecture, packages):
    """Bring the packages into the cache and return their paths in the same order."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = []
    for name, file in packages:
        if not (CACHE / file).exists():
            version = file.split("_")[1].replace("%3a", ":")
            suffix = "" if file.endswith("_all.deb") else f":{DEBIAN[architecture]}"
            wanted.append(f"{name}{suffix}={version}")
    if wanted:
        say(f"downloading {len(wanted)} Debian packages for {architecture}")
        apt("apt-get", "-q", "download", *wanted, cwd=CACHE)
    return [CACHE / file for _, file in packages]


def unpack(paths, directory):
    """Unpack packages into one tree whose /bin, /sbin and /lib are links into /usr."""
    for name in ("bin", "sbin", "lib"):
        (directory / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"usr/{name}")
    for path in paths:
        tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--no-same-owner", "--keep-directory-symlink", "-C", directory,
                        "--exclude=./usr/share/doc", "--exclude=./usr/share/man",
                        "--exclude=./usr/share/locale"], stdin=tar.stdout, check=True)
        if tar.wait():
            raise Failure(f"cannot unpack {path.name}")


def kernel(architecture):
    """The folder with `vmlinuz`, `modules` and, where the boards have one, `dtbs`."""
    folder = BOARD / "kernels" / architecture
    if not (folder / "vmlinuz").exists():
        done = subprocess.run([ROOT / "board" / "setup", "kernels"])
        if done.returncode:
            raise Failure("board/setup kernels failed")
    return folder
