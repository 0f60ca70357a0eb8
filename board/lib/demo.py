"""The story of a board under apus, played from outside and checked step by step.

Everything is seen the way a user sees it: with curl and ssh through the forwarded ports and with
apus's own commands. Each step either prints `ok`, or ends the story with the console's last lines.
"""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import debian
import qemu

PAGE = "The process that served this page did not exist before you asked for it."


class Access:
    """How this machine reaches the board: one ssh connection that many commands share."""

    def __init__(self, board, ports):
        self.board, self.ports = board, ports
        # A socket's path is limited to 107 bytes, so it does not lie in the checkout.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="apus-"))
        keys = debian.BOARD / "keys"
        self.options = [
            "-F", "none", "-i", str(keys / "client"), "-p", str(ports[22]),
            "-o", f"UserKnownHostsFile={keys / 'known_hosts'}", "-o", "HostKeyAlias=apus-board",
            "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
            "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR",
            "-o", f"ConnectTimeout={10 * board.machine.slow}", "-o", f"ControlPath={self.folder / 'ssh'}"]

    def close(self):
        """Give up the shared connection."""
        subprocess.run(["ssh", *self.options, "-O", "exit", "board"], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, argv, what, timeout):
        """Run a command here while the board's console is being read; its output is returned."""
        limit = time.monotonic() + timeout * self.board.machine.slow
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT)
            try:
                while True:
                    try:
                        process.wait(0.05)
                        break
                    except subprocess.TimeoutExpired:
                        self.board.poll()
                    if time.monotonic() > limit:
                        raise self.board.failure(f"{what}: no end after {timeout} s")
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        return process.returncode, text

    def connect(self, timeout=30):
        """Log in once and keep the connection; ssh's own message if that fails.

        Until the board has its address QEMU refuses connections, so ssh is tried again.
        """
        limit = time.monotonic() + timeout * self.board.machine.slow
        while True:
            code, text = self._call(["ssh", *self.options, "-o", "ControlMaster=yes",
                                     "-o", "ControlPersist=600", "-f", "-N", "root@127.0.0.1"],
                                    "ssh", timeout)
            if code == 0:
                return
            if time.monotonic() > limit:
                raise self.board.failure(f"ssh failed with exit code {code}: {text.strip()}")
            time.sleep(0.5)

    def ssh(self, line, timeout=15, codes=(0,)):
        """Run a line on the board and return what it printed."""
        code, text = self._call(["ssh", *self.options, "root@127.0.0.1", line], line, timeout)
        if code not in codes:
            raise self.board.failure(f"`{line}` failed with exit code {code}: {text.strip()}")
        return text

    def apus(self, command, codes=(0, 3)):
        """One of apus's commands with --json, decoded; 3 tells of a socket in error."""
        text = self.ssh(f"apus {command} --json", codes=codes)
        try:
            return json.loads(text)
        except ValueError as error:
            raise self.board.failure(f"apus {command} --json is no JSON: {error}: {text}") from error

    def service(self, name):
        """The entry of one service in `apus status`."""
        for entry in self.apus("status")["services"]:
            if entry["name"] == name:
                return entry
        raise self.board.failure(f"apus status does not know {name}")

    def until(self, what, condition, timeout=20):
        """Ask again until CONDITION gives something true; return that."""
        limit = time.monotonic() + timeout * self.board.machine.slow
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > limit:
                raise self.board.failure(f"{what}: not after {timeout * self.board.machine.slow} s")
            self.board.poll()
            time.sleep(0.1)

    def page(self, *options, timeout=30):
        """Fetch the board's page with curl; a failure names what curl said."""
        seconds = str(timeout * self.board.machine.slow)
        code, text = self._call(["curl", "-sS", "--max-time", seconds, *options], "curl",
                                timeout + 5)
        if code or PAGE not in text:
            raise self.board.failure(f"curl failed with exit code {code}: {text.strip()[:300]}")
        return text

    def web(self):
        """Fetch the page through the forwarded port."""
        return self.page(f"http://127.0.0.1:{self.ports[80]}/")


class Story:
    """The demonstration; SHOW also prints what an operator would look at."""

    def __init__(self, board, ports, show=False):
        self.board, self.show = board, show
        self.access = Access(board, ports)

    def check(self, condition, what, detail=""):
        """Print the step as done, or end the story."""
        if not condition:
            raise self.board.failure(f"not so: {what}{': ' if detail else ''}{detail}")
        print(f"ok {self.board.elapsed():6.1f} s  {what}", flush=True)

    def display(self, command):
        """Show one of apus's tables."""
        text = self.access.ssh(command, codes=(0, 3))
        if self.show:
            print(f"\n    # {command}")
            for line in text.rstrip().splitlines():
                print(f"    {line}")
            print(flush=True)
        return text

    def play(self):
        """The whole story; the board is off afterwards."""
        try:
            self.boot()
            self.before()
            self.web()
            self.bus()
            self.crash()
            self.healing()
            self.off()
        finally:
            self.access.close()

    def boot(self):
        self.board.expect(r"apus: 4 sockets bound", 60, "line `apus: 4 sockets bound`")
        self.check(True, "apus says on the console that four sockets are bound")
        # QEMU's USB network stalls for good when a packet comes before its driver is up.
        self.board.expect(r"network: 10\.0\.2\.15 on \w+", 60, "line `network: …`")
        self.access.connect(90)
        who = self.access.ssh("id -un; cat /proc/1/comm")
        self.check(who.split() == ["root", "apus"] or who.split() == ["root", "init"],
                   "ssh: a session, by a process that apus started for this connection", who)
        code, text = self.access._call(["ssh", *self.access.options, "-tt", "root@127.0.0.1",
                                        "tty"], "tty", 30)
        self.check(code == 0 and "/dev/pts/" in text, "ssh: a terminal of its own", text)

    def before(self):
        """Nothing that waits for traffic has run yet, and binding came before everything else."""
        entries = self.access.apus("boot")["entries"]
        services = {entry["name"] for entry in self.access.apus("status")["services"]}
        bound = [entry["atUs"] + entry["durationUs"] for entry in entries if entry["what"] == "bind"]
        started = [entry["atUs"] for entry in entries
                   if entry["what"] == "start" and entry["name"] in services]
        self.check(bound and started and max(bound) <= min(started),
                   "every socket was bound before the first process was started",
                   f"last bind {max(bound, default=None)}, first start {min(started, default=None)}")
        sockets = self.access.apus("list-sockets")["sockets"]
        self.check(len(sockets) == 4 and all(item["state"] in ("listening", "active")
                                             for item in sockets),
                   "four sockets of three daemons are bound", json.dumps(sockets))
        for name in ("lighttpd", "dbus"):
            entry = self.access.service(name)
            self.check(entry["state"] == "listening" and entry["mainPid"] == 0,
                       f"{name}: listening, no process", json.dumps(entry))
        self.display("apus status")
        self.display("apus list-sockets")

    def web(self):
        self.access.web()
        entry = self.access.service("lighttpd")
        self.check(entry["state"] == "ready" and entry["mainPid"] > 1,
                   f"curl got its page: lighttpd is process {entry['mainPid']} now",
                   json.dumps(entry))
        status = self.access.ssh(f"cat /proc/{entry['mainPid']}/status")
        ids = re.findall(r"^[UG]id:\t(\d+)\t(\d+)\t(\d+)\t(\d+)", status, re.M)
        sets = re.findall(r"^Cap(?:Inh|Prm|Eff|Bnd|Amb):\t([0-9a-f]+)", status, re.M)
        self.check(ids == [("33",) * 4] * 2 and len(sets) == 5 and not any(int(x, 16) for x in sets),
                   "lighttpd runs as www-data without any capability", status)
        self.confined(entry["mainPid"], status)
        # The second listener of the same service, reached from here through ssh.
        port = qemu.free_port(8081)
        subprocess.run(["ssh", *self.access.options, "-O", "forward", "-L",
                        f"127.0.0.1:{port}:/run/lighttpd.sock", "board"], check=True,
                       capture_output=True)
        self.access.page(f"http://127.0.0.1:{port}/")
        self.check(self.access.service("lighttpd")["mainPid"] == entry["mainPid"],
                   "the same process answers on the Unix socket")

    def confined(self, pid, status):
        """What the manifest takes from lighttpd is gone, as the kernel tells it."""
        self.check("NoNewPrivs:\t1" in status and "Seccomp:\t2" in status,
                   "its system calls are filtered, and it can gain no privileges", status)
        mounts = self.access.ssh(f"cat /proc/{pid}/mountinfo")
        roots = [line for line in mounts.splitlines() if line.split()[4] == "/"]
        self.check(roots and roots[-1].split()[5].startswith("ro"),
                   "all it sees is read-only but for a /tmp of its own", mounts)
        network = self.access.ssh(f"cat /proc/{pid}/net/dev")
        self.check(re.findall(r"^ *(\w+):", network, re.M) == ["lo"],
                   "its network is its own: only the listeners reach the world", network)
        limit = self.access.ssh("cat /sys/fs/cgroup/apus.lighttpd/memory.max 2>/dev/null || echo none")
        self.check(limit.strip() in ("16777216", "none"), f"its limit of memory is {limit.strip()}")

    def bus(self):
        text = self.access.ssh("dbus-send --system --print-reply --dest=org.freedesktop.DBus / "
                               "org.freedesktop.DBus.ListNames", 30)
        entry = self.access.service("dbus")
        self.check('string "org.freedesktop.DBus"' in text and entry["mainPid"] > 1,
                   f"a D-Bus call was answered: dbus-daemon is process {entry['mainPid']} now", text)

    def crash(self):
        old = self.access.service("lighttpd")["mainPid"]
        self.access.ssh(f"kill -9 {old}")
        self.access.web()
        entry = self.access.until("a new lighttpd", lambda: self._alive("lighttpd"))
        self.check(entry["mainPid"] != old and entry["restarts"] >= 1,
                   f"kill -9 {old}, and the next request is served by process {entry['mainPid']}",
                   json.dumps(entry))
        last = entry["lastExit"]
        self.check(last and last["kind"] == "signal" and last["code"] == 9,
                   "apus status says how the old one ended: signal 9", json.dumps(entry))

    def _alive(self, name):
        entry = self.access.service(name)
        return entry if entry["mainPid"] > 1 else None

    def healing(self):
        def pausing():
            entry = self.access.service("flaky")
            return entry if entry["state"] == "backoff" else None
        entry = self.access.until("flaky in backoff", pausing)
        last = entry["lastExit"]
        self.check(last == {**(last or {}), "kind": "exit", "code": 7} and entry["nextStartUs"],
                   f"flaky failed {entry['restarts'] + 1} times and waits for its next try",
                   json.dumps(entry))
        self.display("apus status")
        sockets = self.access.apus("list-sockets")["sockets"]
        self.check(len(sockets) == 4 and all(item["state"] in ("listening", "active")
                                             for item in sockets),
                   "all four sockets still serve", json.dumps(sockets))
        self.display("apus boot")

    def off(self):
        self.access.ssh("apus poweroff", codes=(0, 255))
        self.board.expect_end(40)
        self.check(not qemu.PANIC.search(self.board.text), "powered off, without a panic")
