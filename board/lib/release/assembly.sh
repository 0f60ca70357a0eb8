# The Swift part of apus as assembly for GNU as. Needs common.sh, sdk.sh and a build of the
# architecture.

# Usage: write_assembly ARCH FILE
#
# SwiftPM has compiled every Swift file to bitcode; lld joins and optimises them as for the program,
# but writes text instead of machine code. The C files come as ordinary objects, so that none of them
# ends up in the text: the release has their source.
write_assembly() {
  local objects file
  architecture "$1"
  objects=$build/release/stage/objects/$arch
  mkdir -p "$objects"
  for file in Sources/CApus/*.c; do
    clang "--target=$triple" -std=c17 -D_GNU_SOURCE $(toolset_options cCompiler) \
      -ISources/CApus/include -w -c "$file" -o "$objects/$(basename "$file").o"
  done
  # SwiftPM calls an executable's entry point by the module's name. The archives come last, so that
  # apus's own allocator goes before the C library's.
  {
    grep '\.swift\.bc$' "$build/device-$arch/$triple/release/apus.product/Objects.LinkFileList"
    printf '%s\n' "$objects"/*.o --defsym=main=apus_main --static -O2 --lto-emit-asm
    toolset_options linker
  } >"$objects/list"
  logged "assembly-$arch" ld.lld "@$objects/list" -o "$objects/apus"
  python3 board/lib/release/assembly.py "$arch" "$objects/apus.lto.s" "$2"
  rm -rf "$objects"
}
