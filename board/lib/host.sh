# The packages of the development machine itself. Needs common.sh.

# What builds (gcc and make for libcap, dpkg-dev and xz-utils for its source package), what formats,
# what boots and what tests and the demo call.
host_packages="
  ca-certificates clang-format cpio curl dpkg-dev e2fsprogs gcc libc6-dev libcap-dev make openssh-client
  python3 python3-venv qemu-system-arm qemu-system-x86 qemu-user strace util-linux xz-utils busybox-static
"

# What tests a release: no other stage needs it.
release_packages="fish gcc-aarch64-linux-gnu gcc-arm-linux-gnueabi mandoc zsh"

# Usage: setup_host [PACKAGE…]; without one those that everything needs.
setup_host() {
  local missing
  missing=$(missing_host_packages "${@:-$host_packages}")
  [ -n "$missing" ] || return 0
  progress "installing" $missing
  logged host-update as_root apt-get -q update
  logged host-install as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy \
    -o DPkg::Lock::Timeout=600 install --no-install-recommends $missing
}

# Prints the packages of the list that dpkg does not know as installed.
missing_host_packages() {
  local installed name
  installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' $* 2>/dev/null || true)"
  for name in $*; do
    case $installed in
    *"ii $name "*) ;;
    *) printf '%s ' "$name" ;;
    esac
  done
}
