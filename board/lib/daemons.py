"""A Debian root of daemons for the supervisor tests, to be entered by chroot.

Leaves `daemons` in a folder that is given: unpacked packages, none of them installed or
configured, with the accounts that their installation would have made. Tests/Clients/root.sh lays
a root of its own over it for each test.
"""

import os
import platform
import shutil

import debian

# The daemons, and beside them what they say they need that is no library.
PACKAGES = [
    "base-files", "base-passwd", "coreutils", "dash", "debianutils", "tzdata",
    "chrony", "containerd", "cron", "cron-daemon-common", "cups", "cups-client", "cups-daemon",
    "cups-server-common", "dbus", "dbus-bin", "dbus-daemon", "dbus-system-bus-common", "docker.io",
    "dropbear-bin", "gpg-agent", "gpgconf", "haproxy", "ifupdown", "iproute2", "lighttpd",
    "memcached", "mosquitto", "mosquitto-clients", "mpd", "netbase", "nginx", "nginx-common",
    "node-acorn", "node-busboy", "node-cjs-module-lexer", "node-undici", "node-xtend", "nodejs",
    "ocl-icd-libopencl1", "openssh-client", "openssh-server", "php8.2-common", "php8.2-fpm",
    "redis-server", "redis-tools", "rpcbind", "rsync", "samba-libs", "sed",
    "libperl5.36", "perl", "perl-base", "perl-modules-5.36", "postgresql-15",
    "postgresql-client-15", "postgresql-client-common", "postgresql-common", "runc",
    "avahi-daemon", "busybox-static", "collectd-core", "dnsmasq-base", "fcgiwrap", "gpsd", "haveged",
    "iperf3", "snmp", "snmpd", "tftpd-hpa", "unbound", "vsftpd", "zabbix-agent",
]
# What only optional parts of them load: PostgreSQL's compiler is larger than all the rest.
UNUSED = ("libllvm14", "libz3-4")

# The accounts their installation makes, by name, number and group.
ACCOUNTS = [("messagebus", 101), ("_rpc", 102), ("mosquitto", 103), ("haproxy", 104),
            ("postgres", 105), ("_chrony", 106), ("mpd", 107), ("lpadmin", 108), ("redis", 109),
            ("memcache", 110), ("avahi", 111), ("dnsmasq", 112), ("sshd", 113), ("Debian-snmp", 114),
            ("unbound", 115), ("zabbix", 116), ("gpsd", 117), ("ftp", 118), ("tftp", 119)]


def accounts(folder):
    """Write passwd and group: Debian's own entries and those of the packages."""
    for name, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"),
                       ("group", "{0}:x:{1}:\n")):
        text = (folder / f"usr/share/base-passwd/{name}.master").read_text()
        text += "".join(line.format(*account) for account in ACCOUNTS)
        (folder / "etc" / name).write_text(text)


def make(place):
    """Unpack the daemons into place/daemons."""
    machine = platform.machine()
    folder = place / "daemons"
    folder.mkdir(parents=True)
    packages = [pair for pair in debian.resolve(machine, PACKAGES) if pair[0] not in UNUSED]
    debian.unpack(debian.download(machine, packages), folder)
    accounts(folder)
    # Packages have folders in it, which hide that it is the other's name.
    shutil.rmtree(folder / "var/run", ignore_errors=True)
    (folder / "var/run").symlink_to("/run")
    # As the installation of cups does for network printers.
    os.link(folder / "usr/lib/cups/backend-available/socket", folder / "usr/lib/cups/backend/socket")
    (folder / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
