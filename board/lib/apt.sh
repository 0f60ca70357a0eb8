# Debian packages without touching the machine: a private apt state under .build that knows the
# sources of this machine, their source packages and all architectures of the boards.
# Needs common.sh. Nothing here needs root.

apt_state=$board/apt

# Writes the private configuration, derived from the machine's own sources so that a mirror or a
# snapshot configured there is honoured, and fetches the package lists if they are older than a day.
apt_prepare() {
  local lists=$apt_state/lists file
  if [ -n "$(find "$apt_state/updated" -mmin -1440 2>/dev/null)" ]; then
    return
  fi
  mkdir -p "$apt_state/sources.d" "$lists/partial" "$apt_state/cache/archives/partial"
  rm -f "$apt_state"/sources.d/*
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    sed -E -e 's/^Types:.*/Types: deb deb-src/' -e '/^Architectures:/d' "$file" \
      >"$apt_state/sources.d/$(basename "$file")"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -nE -e 's/^[[:space:]]*deb(-src)?[[:space:]]+//;T' -e 's/arch[+-]?=[^] ]*//;s/\[ *\]//' \
      -e 's/^/deb /p;s/^deb /deb-src /p' "$file" | sort -u \
      >"$apt_state/sources.d/$(basename "$file")"
  done
  {
    printf 'Dir::Etc::sourcelist "/dev/null";\n'
    printf 'Dir::Etc::sourceparts "%s";\n' "$apt_state/sources.d"
    printf 'Dir::State::lists "%s";\n' "$lists"
    printf 'Dir::Cache "%s";\n' "$apt_state/cache"
    printf 'APT::Architectures { "amd64"; "arm64"; "armel"; };\n'
    printf 'APT::Sandbox::User "";\n'
    printf 'Dir::Cache::pkgcache "packages.bin";\nDir::Cache::srcpkgcache "sources.bin";\n'
    printf '#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n'
    printf 'Acquire::Languages "none";\nAcquire::Retries "3";\n'
  } >"$apt_state/apt.conf"
  progress "fetching package lists (amd64, arm64, armel, sources)"
  logged apt-update private_apt apt-get update
  touch "$apt_state/updated"
}

# Runs an apt tool on the private state.
private_apt() { APT_CONFIG=$apt_state/apt.conf "$@"; }

# Downloads packages (NAME:ARCHITECTURE) into the current directory. Lists of this morning may name a
# version that the archive has replaced since; then they are fetched again.
apt_download() {
  private_apt apt-get -q download "$@" >/dev/null 2>&1 && return
  rm -f "$apt_state/updated"
  apt_prepare
  logged apt-download private_apt apt-get -q download "$@"
}

# Prints the package with the real version that a kernel's meta package stands for.
# Usage: kernel_package linux-image-rpi armel
kernel_package() {
  local name
  name=$(private_apt apt-cache show "$1:$2" |
    sed -nE '/^Depends:/{s/.*(linux-image-[0-9][^ ,]*).*/\1/p}' | sort -V | tail -n 1)
  [ -n "$name" ] || fail "no kernel behind the meta package $1:$2"
  printf '%s:%s\n' "$name" "$2"
}
