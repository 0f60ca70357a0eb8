"""Units of Debian's packages, for the tests of apus-tool.

Leaves `units` in a folder that is given: below it one folder for each package, with what the
package has of units, scripts in /etc/init.d and defaults, and nothing else of it. The packages are
small and bring nothing with them; one that the archive has no more is said and left out.
"""

import platform
import re
import subprocess
import tarfile

import debian

PACKAGES = [
    "accountsservice", "acpid", "alsa-utils", "apache2", "apparmor", "at", "auditd", "avahi-daemon",
    "bind9", "bird2", "bluez", "conntrackd", "cron", "cups-browsed", "dbus", "dnsmasq", "dropbear",
    "e2fsprogs", "earlyoom", "fail2ban", "fcgiwrap", "gpm", "gpsd", "haveged", "hostapd", "iperf3",
    "irqbalance", "keepalived", "knockd", "lighttpd", "lirc", "lldpd", "lm-sensors", "logrotate",
    "mdadm", "memcached", "minidlna", "miniupnpd", "modemmanager", "multipath-tools", "nbd-client",
    "netfilter-persistent", "nfs-common", "nfs-kernel-server", "nftables", "ngircd", "ntpsec",
    "open-iscsi", "openbsd-inetd", "openntpd", "openssh-server", "openvpn", "pcscd", "polkitd",
    "privoxy", "radvd", "redis-server", "rng-tools5", "rsync", "rsyslog", "samba", "sane-utils",
    "ser2net", "smartmontools", "snmpd", "stunnel4", "sysstat", "systemd-resolved",
    "systemd-timesyncd", "tinyproxy", "transmission-daemon", "triggerhappy", "udisks2", "ulogd2",
    "unattended-upgrades", "unbound", "upower", "usbmuxd", "uuid-runtime", "vsftpd", "watchdog",
    "wireguard-tools", "zram-tools",
]

# What is kept of a package.
KEPT = re.compile(r"\./(usr/)?(lib/systemd/system|etc/default|etc/init\.d)/")


def find(machine):
    """The packages that there are, as pairs of name and file name."""
    known = debian.apt("apt-cache", "search", "--names-only", f"^({'|'.join(PACKAGES)})$")
    names = sorted({line.split()[0] for line in known.splitlines()} & set(PACKAGES))
    missing = sorted(set(PACKAGES) - set(names))
    if missing:
        debian.say(f"no Debian package: {', '.join(missing)}: their units are not tested")
    listing = debian.apt("apt-get", "-qq", "--print-uris", "download",
                         *(f"{name}:{debian.DEBIAN[machine]}" for name in names))
    files = re.findall(r"^\S+ (\S+\.deb) ", listing, re.M)
    return [(file.split("_")[0], file) for file in files]


def unpack(path, folder):
    """Take out of a package what is kept of it."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE) as package:
        with tarfile.open(fileobj=package.stdout, mode="r|") as archive:
            for member in archive:
                if KEPT.match(member.name) and (member.isfile() or member.issym()):
                    archive.extract(member, folder, set_attrs=False)
    if package.returncode:
        raise debian.Failure(f"cannot unpack {path.name}")


def make(place):
    """Unpack the units into place/units."""
    machine = platform.machine()
    packages = find(machine)
    for (name, _), path in zip(packages, debian.download(machine, packages)):
        folder = place / "units" / name
        folder.mkdir(parents=True)
        unpack(path, folder)
