"""The machines that QEMU emulates here, how each one boots, and the console of a booted one."""

import dataclasses
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import time

import debian


class Failure(debian.Failure):
    """The board did not do what was expected; the console's last lines belong to it."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """One machine of QEMU: what it is called, what it needs, and what its kernel must be told."""

    name: str
    architecture: str
    program: str
    options: tuple
    console: str
    network: str
    append: str = ""
    tree: str = ""  # the device tree, among the kernel's own
    slow: int = 1  # how many times longer than x86_64 it may take
    powers_off: bool = True  # QEMU ends by itself when the board powers off


# The Raspberry machines: one emulated core at a time, or the others spin and starve it. QEMU lacks
# the power domains of the ARMv6 boards, so that driver must not start.
PI = ("-accel", "tcg,thread=single")
MACHINES = {machine.name: machine for machine in (
    Machine("x86_64", "x86_64", "qemu-system-x86_64", ("-M", "pc", "-cpu", "max", "-m", "256"),
            # On a busy host the emulated timer may miss the kernel's test of it, which then panics.
            "ttyS0", "virtio-net-pci,netdev=net,romfile=", "no_timer_check"),
    Machine("aarch64", "aarch64", "qemu-system-aarch64",
            ("-M", "virt", "-cpu", "cortex-a53", "-m", "256"),
            "ttyAMA0", "virtio-net-pci,netdev=net,romfile=", slow=2),
    Machine("raspi3b", "aarch64", "qemu-system-aarch64", ("-M", "raspi3b", *PI),
            "ttyAMA0", "usb-net,netdev=net", "maxcpus=1 deferred_probe_timeout=1", "broadcom/bcm2837-rpi-3-b.dtb", slow=4,
            powers_off=False),
    Machine("arm", "arm", "qemu-system-arm", ("-M", "raspi0", *PI),
            "ttyAMA0", "usb-net,netdev=net",
            "maxcpus=1 initcall_blacklist=bcm2835_power_driver_init", "bcm2835-rpi-zero.dtb",
            slow=4),
)}

# What the kernel prints last when the machine cannot be switched off or restarted by software.
HALTED = re.compile(r"reboot: (Power down|System halted|Restarting system)")
PANIC = re.compile(r"Kernel panic|Attempted to kill init|Oops: |Internal error: ")


def free_port(wanted):
    """WANTED if nobody listens on it here, else some port that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def device_tree(machine):
    """The machine's device tree, on which its serial console is a terminal.

    On a Pi 3 the serial port belongs to the Bluetooth chip, so Linux makes no /dev/ttyAMA0 of it.
    QEMU has no such chip: its node's `compatible` property is overwritten with FDT_NOP tokens
    (Devicetree Specification 0.4, 5.4.1), and the port becomes a terminal again.
    """
    path = debian.kernel(machine.architecture) / "dtbs" / machine.tree
    blob = path.read_bytes()
    chip = blob.find(b"brcm,bcm43438-bt\0")
    if chip < 0:
        return path
    begin, length = chip - 12, 12 + 20  # token, length, name; 17 bytes padded to 20
    blob = blob[:begin] + b"\0\0\0\4" * (length // 4) + blob[begin + length:]
    patched = debian.BOARD / machine.architecture / f"{machine.name}.dtb"
    patched.parent.mkdir(parents=True, exist_ok=True)
    if not patched.exists() or patched.read_bytes() != blob:
        patched.write_bytes(blob)
    return patched


def command(machine, initramfs, ports=None, append="", network=True, options=()):
    """The QEMU command line; PORTS maps ports of the board to ports of this machine's loopback.

    Of OPTIONS those that the machine has as well win.
    """
    kernel = debian.kernel(machine.architecture)
    words = f"console={machine.console},115200 quiet panic=-1 {machine.append} {append}".split()
    argv = [machine.program, *machine.options, *options, "-display", "none", "-nodefaults", "-no-reboot",
            "-kernel", str(kernel / "vmlinuz"), "-initrd", str(initramfs),
            "-append", " ".join(words)]
    if machine.tree:
        argv += ["-dtb", str(device_tree(machine))]
    if network:
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}"
                           for there, here in (ports or {}).items())
        argv += ["-netdev", f"user,id=net{forwards}", "-device", machine.network]
    return argv


class Board:
    """A running machine: its console is read all the time and kept."""

    def __init__(self, machine, initramfs, log, **options):
        self.machine, self.log = machine, log
        self.text = ""
        self.seen = 0  # everything before was matched by an earlier `expect`
        self.began = time.monotonic()
        argv = command(machine, initramfs, **options) + ["-serial", "stdio"]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, bufsize=0)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.file = open(log, "wb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def elapsed(self):
        """Seconds since QEMU was started."""
        return time.monotonic() - self.began

    def _read(self, timeout):
        """Take what the console has; false when it is closed."""
        if not self.selector.select(timeout):
            return True
        data = self.process.stdout.read(65536)
        if not data:
            return False
        self.file.write(data)
        self.file.flush()
        self.text += data.decode("utf-8", "replace").replace("\r", "")
        # Once the kernel has let go of the board, what it does until the emulated power is off (the
        # Pi's comes by its watchdog, a moment later) is no failure of what ran on it.
        if PANIC.search(self.text, max(0, len(self.text) - len(data) - 200)) \
                and not HALTED.search(self.text):
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline and self.selector.select(0.2):
                more = self.process.stdout.read(65536)
                if not more:
                    break
                self.file.write(more)
                self.text += more.decode("utf-8", "replace").replace("\r", "")
            raise self.failure("the kernel panicked")
        return True

    def failure(self, text):
        """A failure with the end of the console in it."""
        tail = "\n".join("  | " + line for line in self.text.splitlines()[-40:])
        return Failure(f"{self.machine.name}: {text}\n{tail}\n  (whole console: {self.log})")

    def expect(self, pattern, timeout, what=None):
        """Wait until the console shows PATTERN after the last match; return the match."""
        expression = re.compile(pattern, re.M)
        deadline = time.monotonic() + timeout * self.machine.slow
        while True:
            found = expression.search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise self.failure(f"no {what or pattern!r} after {timeout * self.machine.slow} s")
            if not self._read(min(left, 1)):
                raise self.failure(f"QEMU ended before {what or pattern!r}")

    def poll(self):
        """Read what has come in the meantime; keeps the board's console from filling up."""
        while self.selector.select(0):
            if not self._read(0):
                raise self.failure("QEMU ended")

    def send(self, text):
        """Type on the console."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def login(self, timeout=40):
        """Log in as root on the serial console; the prompt is there afterwards."""
        self.expect(r"login: ", timeout, "log-in prompt")
        self.send("root\n")
        self.prompt(timeout)

    def prompt(self, timeout=20):
        """Wait for a root shell's prompt."""
        self.expect(r"^[^\n]*# ", timeout, "prompt of a root shell")

    def shell(self, line, timeout=10):
        """Run a line in the shell on the console and return its output; a failing one is an error."""
        # The echo of what is typed must not look like the answer, so the marks are taken apart.
        self.send(f"echo ===BE''GIN; {line}; echo ===END''=$?\n")
        self.expect(r"^===BEGIN\n", timeout, f"start of `{line}`")
        start = self.seen
        found = self.expect(r"===END=(\d+)\n", timeout, f"end of `{line}`")
        output = self.text[start:found.start()]
        if found[1] != "0":
            raise self.failure(f"`{line}` failed with exit code {found[1]}: {output.strip()}")
        return output

    def json(self, line, timeout=20):
        """Run a line that prints one JSON value, decoded.

        Services write to the same console, so an answer with a foreign line in it is asked again.
        """
        for attempt in range(5):
            text = self.shell(line, timeout)
            try:
                return json.loads(text)
            except ValueError as error:
                reason = error
        raise self.failure(f"`{line}` prints no JSON: {reason}: {text}")

    def services(self):
        """The entries of `apus status` by name, asked for on the console; 3 is a socket in error."""
        line = "apus status --json || [ $? = 3 ]"
        return {entry["name"]: entry for entry in self.json(line)["services"]}

    def await_state(self, name, state, timeout=20):
        """Ask until a service is in a state; return all entries then."""
        limit = time.monotonic() + timeout * self.machine.slow
        while True:
            entries = self.services()
            if name in entries and entries[name]["state"] == state:
                return entries
            if time.monotonic() > limit:
                raise self.failure(f"{name} is not {state}: {entries.get(name)}")
            time.sleep(0.2)

    def halted(self):
        """Whether a machine that cannot switch itself off has come to its end."""
        return not self.machine.powers_off and HALTED.search(self.text) is not None

    def expect_end(self, timeout):
        """Wait until the board is off; a panic on the way is a failure."""
        deadline = time.monotonic() + timeout * self.machine.slow
        while time.monotonic() < deadline:
            if not self._read(0.5):
                self.process.wait()
                return
            if self.halted():
                return
        raise self.failure(f"still running {timeout * self.machine.slow} s after the power-off")

    def end(self):
        """Stop QEMU, by its own process id, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.file.close()
