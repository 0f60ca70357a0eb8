"""An initramfs written entry by entry, with owners, modes and device nodes, without being root.

The kernel's own format ("newc", Documentation/driver-api/early-userspace/buffer-format.rst). Every
time stamp is 0, so the same input makes the same bytes.
"""

import gzip
import os
import stat


def merged(path):
    """The path without leading slash and with /bin, /sbin and /lib where they are: in /usr."""
    path = path.strip("/")
    return "usr/" + path if path.split("/")[0] in ("bin", "sbin", "lib") and "/" in path else path


class Archive:
    """Collects entries by path; a later entry replaces an earlier one."""

    def __init__(self):
        self.entries = {}

    def _put(self, path, mode, data=b"", owner=(0, 0), device=(0, 0)):
        path = merged(path)
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self._put(parent, stat.S_IFDIR | 0o755)
        self.entries[path] = [mode, data, owner, device]

    def directory(self, path, mode=0o755):
        if merged(path) not in self.entries:
            self._put(path, stat.S_IFDIR | mode)

    def file(self, path, data, mode=0o644):
        self._put(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def copy(self, source, path, mode=None):
        """Take a file from this machine; executable or not is all that is kept of its mode."""
        executable = source.stat().st_mode & 0o111
        self.file(path, source.read_bytes(), mode or (0o755 if executable else 0o644))

    def tree(self, directory, skip=()):
        """Take a whole folder, links included, sorted by path."""
        for source in sorted(directory.rglob("*")):
            path = str(source.relative_to(directory))
            if path in skip:
                continue
            if source.is_symlink():
                self.link(path, os.readlink(source))
            elif source.is_dir():
                self.directory(path)
            else:
                self.copy(source, path)

    def modes(self, text):
        """Apply a table of modes and owners, in the format of Buildroot's device tables.

        `name type mode uid gid major minor start inc count`: type f changes a file that is there,
        d makes a directory or changes it, c makes a character device.
        """
        for number, line in enumerate(text.splitlines(), 1):
            fields = line.split("#")[0].split()
            if not fields:
                continue
            path, kind, mode, uid, gid, major, minor = fields[:7]
            path, mode, owner = path.strip("/"), int(mode, 8), (int(uid), int(gid))
            if kind == "c":
                self._put(path, stat.S_IFCHR | mode, b"", owner, (int(major), int(minor)))
                continue
            if kind == "d":
                self.directory(path)
            elif kind != "f" or path not in self.entries:
                raise ValueError(f"MODES:{number}: {kind} {path}: no such file or unknown type")
            entry = self.entries[path]
            entry[0] = stat.S_IFMT(entry[0]) | mode
            entry[2] = owner

    def bytes(self):
        """The uncompressed archive, padded so that another one may follow."""
        out = bytearray()
        for inode, (path, entry) in enumerate(sorted(self.entries.items()), 1):
            self._record(out, inode, path, *entry)
        self._record(out, 0, "TRAILER!!!", 0, b"", (0, 0), (0, 0))
        out += bytes(-len(out) % 512)
        return bytes(out)

    @staticmethod
    def _record(out, inode, path, mode, data, owner, device):
        name = path.encode() + b"\0"
        numbers = (inode, mode, *owner, 1, 0, len(data), 0, 0, *device, len(name), 0)
        out += b"070701" + b"".join(b"%08X" % number for number in numbers) + name
        out += bytes(-len(out) % 4)
        out += data
        out += bytes(-len(out) % 4)

    def compressed(self):
        """The archive for `-initrd`; a multiple of four bytes, so archives can be concatenated."""
        data = gzip.compress(self.bytes(), 6, mtime=0)
        return data + bytes(-len(data) % 4)
