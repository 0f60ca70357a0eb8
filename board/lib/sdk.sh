# The Swift SDK of the boards: `.build/sdk/apus.artifactbundle` holds, per architecture, a sysroot
# (musl, the kernel's headers, libgcc, static libcap) and the options that make Embedded Swift, clang
# and lld produce a static Linux program from it. Needs common.sh and apt.sh.

sdk=$build/sdk
bundle=$sdk/apus.artifactbundle

# Usage: setup_sdk; makes what is missing or made from something else.
setup_sdk() {
  local made_from name
  use_toolchain
  made_from=$(sdk_digest)
  if is_done sdk "$made_from" && [ -f "$bundle/info.json" ]; then return 0; fi
  apt_prepare
  rm -rf "$sdk.part"
  mkdir -p "$sdk.part/apus.artifactbundle" "$sdk.part/unpacked"
  fetch_capability_source "$sdk.part/unpacked"
  for name in $architectures; do
    architecture "$name"
    progress "making the Swift SDK for $arch"
    fill_sysroot "$sdk.part/unpacked/$arch" "$sdk.part/apus.artifactbundle/$arch/sysroot"
    build_capability "$sdk.part/unpacked" "$sdk.part/apus.artifactbundle/$arch/sysroot"
    write_toolset >"$sdk.part/apus.artifactbundle/$arch/toolset.json"
  done
  write_bundle_description "$sdk.part/apus.artifactbundle"
  record_origin "$sdk.part/unpacked" "$sdk.part/apus.artifactbundle"
  # SwiftPM does not see a changed archive or header of the SDK.
  rm -rf "$sdk.part/unpacked" "$sdk" "$build"/device-*
  mv "$sdk.part" "$sdk"
  mark_done sdk "$made_from"
}

# Of what the SDK is made from. The options name the sysroot by its absolute path, so a copied tree has
# to make its own.
sdk_digest() {
  {
    cat board/lib/common.sh board/lib/sdk.sh
    printf '%s\n' "$root" "$(swift --version 2>/dev/null)"
  } | digest
}

# Musl's headers and archives, the kernel's headers and libgcc, in one include and one lib.
fill_sysroot() {
  local unpacked=$1 sysroot=$2
  mkdir -p "$unpacked/debs" "$sysroot/lib"
  (
    cd "$unpacked/debs"
    apt_download "musl-dev:$debian" "linux-libc-dev:$debian" "libgcc-12-dev:$debian"
    for package in ./*.deb; do dpkg-deb -x "$package" "$unpacked/files"; done
  )
  cp -r "$unpacked/files/usr/include/$musl" "$sysroot/include"
  cp -r "$unpacked/files/usr/include/linux" "$unpacked/files/usr/include/asm-generic" \
    "$unpacked/files/usr/include/$gnu/asm" "$sysroot/include"
  cp "$unpacked/files/usr/lib/$musl"/{rcrt1.o,libc.a} \
    "$unpacked/files/usr/lib/gcc/$gnu/12/libgcc.a" "$sysroot/lib"
  # Tables that `String` looks into. Only test programs do; board/lib/symbols forbids them in apus.
  cp "$(swift_resources)/embedded/$triple/libswiftUnicodeDataTables.a" "$sysroot/lib"
}

# libcap comes as source: Debian's static archive is for glibc.
fetch_capability_source() {
  progress "fetching the source of libcap"
  (
    cd "$1"
    logged apt-source private_apt apt-get -q source --download-only libcap2
    logged libcap-unpack dpkg-source -x libcap2_*.dsc "$1/libcap"
  )
}

# What the static programs are made of besides apus, as NAME_VERSION in `packages`, and the texts of
# the licences that ask for it.
record_origin() {
  local unpacked=$1 bundle=$2
  (
    cd "$unpacked"
    find . -name '*.deb' -o -name '*.dsc' | sed -E 's|.*/||; s/_[a-z0-9]+\.deb$|\.dsc$//; s/%3a/:/' |
      sort -u
  ) >"$bundle/packages"
  mkdir -p "$bundle/licences"
  cp "$unpacked/x86_64/files/usr/share/doc/musl-dev/copyright" "$bundle/licences/musl"
  cp "$unpacked/libcap/License" "$bundle/licences/libcap"
}

build_capability() {
  local source=$1/libcap-$arch sysroot=$2
  cp -r "$1/libcap" "$source"
  logged "libcap-$arch" make -C "$source/libcap" GOLANG=no PTHREADS=no USE_GPERF=no \
    CC="clang --target=$triple $(c_options "$sysroot" | tr '\n' ' ')" AR=llvm-ar RANLIB=llvm-ranlib \
    BUILD_CC=gcc BUILD_CFLAGS="-O2 -I$source/libcap/include -I/usr/include" libcap.a
  cp "$source/libcap/libcap.a" "$sysroot/lib"
  mkdir -p "$sysroot/include/sys"
  cp "$source/libcap/include/sys/capability.h" "$sysroot/include/sys"
}

# What clang needs for C, one option a line; SwiftPM hands the same to the Clang inside Swift. The
# bare-metal triples do not say that they are for Linux.
#   -fPIE                       PID 1 lies at another address on every boot and after every crash
#   -fstack-protector-strong    a buffer that foreign bytes overrun ends in the fault handler
#   -f(no-)…sections, -unwind   lets the linker drop what nobody calls, and the tables of exceptions
#   -munaligned-access          words anywhere, as Linux lets ARMv6 read them; else byte by byte
c_options() {
  printf '%s\n' -Os -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections \
    -fno-asynchronous-unwind-tables -fno-unwind-tables \
    -D__linux__=1 -DAPUS_DEVICE=1 -nostdlibinc -isystem "$1/include"
  [ "$arch" != arm ] || printf '%s\n' -munaligned-access
}

# What only the Swift compiler needs: one trap a function instead of one a check, 4 % less (a crash
# names the function). And what clang needs when it links for Swift: lld, no start files and
# libraries but those of linker_options.
swift_options() {
  printf '%s\n' -Xfrontend -function-sections -Xfrontend -mergeable-traps -use-ld=lld \
    -Xclang-linker -nostdlib -Xclang-linker -static
}

# What lld needs: a static program that relocates itself (musl's rcrt1.o, the only start file, since
# with crti.o and crtn.o lld orders `.fini` wrongly), with its tables read-only from then on
# (capus_seal_relocations) and no executable stack. Without --gc-sections it is three times as large.
#   --icf=all, -inline-threshold=0   equal functions once, and inlined only what is no longer so: 1 %
# ARM code, which does not keep to the limits otherwise:
#   --lto-CGO1                       in the order of its source it packs 3 % better
#   -enable-machine-outliner=always  what stands in many places once: 6 % (a second round is unsound)
#   -arm-promote-constant…           constants beside the code that uses them: 1 %
#   -apply-ext-tsp-for-size          blocks in the order of the most frequent way packs 1 % better
#   -arm-load-store-opt=false        it would count r10 up, Swift's `self`, which callers want back
linker_options() {
  printf '%s\n' "$1/lib/rcrt1.o" "-L$1/lib" -pie --no-dynamic-linker -z text -z relro -z now \
    -z noexecstack --gc-sections --icf=all -mllvm -inline-threshold=0 --build-id=none \
    -lcap -lc -lgcc -lswiftUnicodeDataTables
  [ "$arch" != arm ] || printf '%s\n' --lto-CGO1 -mllvm -enable-machine-outliner=always \
    -mllvm -arm-promote-constant -mllvm -arm-promote-constant-max-size=256 \
    -mllvm -arm-promote-constant-max-total=1024 -mllvm -apply-ext-tsp-for-size \
    -mllvm -arm-load-store-opt=false
}

# The options of one architecture, as SwiftPM's toolset (swift-evolution 0387) wants them.
write_toolset() {
  local sysroot=$bundle/$arch/sysroot
  cat <<JSON
{
  "schemaVersion": "1.0",
  "swiftCompiler": { "extraCLIOptions": [
$(swift_options | json_strings)
  ] },
  "cCompiler": { "extraCLIOptions": [
$(c_options "$sysroot" | json_strings)
  ] },
  "linker": { "extraCLIOptions": [
$(linker_options "$sysroot" | json_strings)
  ] }
}
JSON
}

# Turns lines into the members of a JSON array. No option holds a quote or a backslash.
json_strings() { sed -e 's/.*/    "&"/' -e '$!s/$/,/'; }

write_bundle_description() {
  local name separator=
  cat >"$1/info.json" <<'JSON'
{
  "schemaVersion": "1.0",
  "artifacts": {
    "apus": { "type": "swiftSDK", "version": "1", "variants": [{ "path": "." }] }
  }
}
JSON
  {
    printf '{\n  "schemaVersion": "4.0",\n  "targetTriples": {\n'
    for name in $architectures; do
      architecture "$name"
      printf '%s    "%s": { "sdkRootPath": "%s/sysroot", "toolsetPaths": ["%s/toolset.json"] }' \
        "$separator" "$triple" "$name" "$name"
      separator=$',\n'
    done
    printf '\n  }\n}\n'
  } >"$1/swift-sdk.json"
}

# Prints the options that the architecture's toolset has for a tool, none of which holds a space.
toolset_options() {
  python3 -c 'import json, sys; print(*json.load(sys.stdin)[sys.argv[1]]["extraCLIOptions"])' "$1" \
    <"$build/sdk/apus.artifactbundle/$arch/toolset.json"
}
