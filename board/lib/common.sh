# Shared by every script under board/: where things are, how progress is told, what an
# architecture is called by whom. Source it; it changes into the repository's root.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
build=$root/.build
board=$build/board

architectures="x86_64 aarch64 arm"

# Tells what a step that takes longer than a second is about to do.
progress() { printf '==> %s\n' "$*" >&2; }

# Ends the script with the reason.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command as root: directly, or through sudo when there is one.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "this needs root and there is no sudo: $*"
  fi
}

# Runs a command silently; when it fails, shows what it said and where that is kept.
# Usage: logged NAME COMMAND…
logged() {
  local log=$board/logs/$1
  shift
  mkdir -p "$board/logs"
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail "'$*' failed; the whole output is in ${log#"$root"/}"
  fi
}

# A stage is done when its stamp holds the digest of everything it was made from.
# Usage: is_done STAGE DIGEST
is_done() {
  [ -f "$board/stamps/$1" ] && [ "$(cat "$board/stamps/$1")" = "$2" ]
}

mark_done() {
  mkdir -p "$board/stamps"
  printf '%s\n' "$2" >"$board/stamps/$1"
}

# Puts clang, lld and the llvm tools of the Swift toolchain first in PATH; a version manager may have
# only `swift` itself there.
use_toolchain() {
  command -v swift >/dev/null || fail "no swift in PATH: install the Swift 6.3 toolchain first"
  PATH=$(dirname "$(dirname "$(swift_resources)")")/bin:$PATH
}

# Prints the folder of the toolchain's own libraries.
swift_resources() {
  swift -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p'
}

# Prints the version of apus, from the one place that has it.
apus_version() {
  sed -n 's/.*static var text: Literal { "\(.*\)" }/\1/p' Sources/ApusWire/Frame.swift
}

# Prints the commit of this tree: of a checkout from git, of a source release from its file.
apus_commit() {
  if [ -f COMMIT ]; then cat COMMIT; else git describe --always --abbrev=12 --dirty --exclude '*'; fi
}

# Digest of the standard input, short enough to read in a log.
digest() { sha256sum | cut -c 1-16; }

# Sets the names of one board architecture, for the tools that have their own idea of it:
#   debian   Debian's architecture        triple   Swift's, also the SDK's name of the target
#   gnu      glibc's multiarch triple     musl     musl's multiarch triple
#   emulator what runs its programs here, empty on the machine's own architecture
architecture() {
  arch=$1
  case $arch in
  x86_64) debian=amd64 triple=x86_64-unknown-linux-gnu gnu=x86_64-linux-gnu musl=x86_64-linux-musl ;;
  aarch64) debian=arm64 triple=aarch64-none-none-elf gnu=aarch64-linux-gnu musl=aarch64-linux-musl ;;
  # Debian's armel: soft float and ARMv5T, so one binary serves every 32-bit Raspberry Pi.
  arm) debian=armel triple=armv6-none-none-eabi gnu=arm-linux-gnueabi musl=arm-linux-musleabi ;;
  *) fail "unknown architecture '$arch', one of: $architectures" ;;
  esac
  case $arch in
  "$(uname -m)") emulator= ;;
  arm) emulator="qemu-arm -cpu arm1176" ;;
  *) emulator=qemu-$arch ;;
  esac
}
