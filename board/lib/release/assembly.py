#!/usr/bin/env python3
"""Makes what ld.lld --lto-emit-asm writes fit for GNU as, and free of debug information.

    assembly.py ARCH INPUT OUTPUT

GNU as takes neither names in quotes nor, in front of a name, Swift's `$`; LLVM puts the text of a
constant into its section's name, and says things that only LLVM's own tools read. Comments and debug
information go: the Swift sources are what a debugger's reader wants. The result depends on nothing
but the input.
"""

import re
import sys

# What GNU as must be told before it takes the text; and the linker that no float crosses a call, so
# that hard and soft float go together with it (Tag_ABI_VFP_args).
START = {"arm": ["\t.arch\tarmv6", "\t.eabi_attribute\t28, 3"]}
COMMENT = {"x86_64": "#", "aarch64": "//", "arm": "@"}
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# Directives whose quoted word is no name.
TEXTS = (".asciz", ".ascii", ".string", ".eabi_attribute", ".ident", ".file")
# Sections for LLVM's own tools and for debuggers.
FOREIGN = re.compile(r"\s*\.section\s+\.?(debug_|deplibs|llvm|swift|ARM\.ex|.*@llvm_)")
DROPPED = re.compile(
    r"\s*\.(addrsig|addrsig_sym|cfi_\w+|loc|file|ident|"
    r"fnstart|fnend|cantunwind|save|setfp|pad|personality|handlerdata)\b")
SWITCH = re.compile(r"\s*\.(section|text|data|bss)\b")
SWIFT = re.compile(r"\$(?=[es][A-Za-z0-9_])|(?<=[A-Za-z0-9_])\$(?=[A-Za-z0-9_])")
# What the release's Makefile calls so, since the C library has its own.
OWN = re.compile(r"(?<![\w.$])(free|posix_memalign)(?![\w.$])")
SECTION = re.compile(r'(\s*\.section\s+)"([^"]*)"(,.*)', re.DOTALL)


def statements(text):
    """The lines, those with a name over several lines as one."""
    line = ""
    for part in text.split("\n"):
        line = f"{line}\n{part}" if line else part
        if QUOTED.sub("", line).count('"') % 2 == 0:
            yield line
            line = ""


class Names:
    """Plain names for those in quotes, by the order in which they appear."""

    def __init__(self):
        self.plain = {}

    def of(self, match):
        name = match.group(0)
        if re.fullmatch(r'"[A-Za-z_.$][A-Za-z0-9_.$]*"', name):
            return name[1:-1]
        prefix = ".Lquoted" if name.startswith('".L') else "apus_quoted"
        return self.plain.setdefault(name, f"{prefix}{len(self.plain)}")


def without_comment(line, mark):
    at = line.find(mark)
    return line if at < 0 else line[:at].rstrip()


def section(line, names):
    """A section's line, its name plain but for the kind in front, which linker scripts go by."""
    match = SECTION.fullmatch(line)
    if not match:
        return line
    start, name, rest = match.groups()
    if not re.fullmatch(r"[A-Za-z0-9_.$-]+", name):
        kind = re.match(r"\.(?:data\.rel\.ro|[a-z]+)", name)[0]
        number = names.plain.setdefault(f"section {name}", len(names.plain))
        name = f"{kind}.quoted{number}"
    return f"{start}{name}{rest}"


def clean(text, arch):
    names, lines, skips = Names(), [*START.get(arch, [])], False
    for line in statements(text):
        word = line.split(None, 1)[0] if line.strip() else ""
        if SWITCH.match(line):
            skips = bool(FOREIGN.match(line))
        if skips or not word or DROPPED.match(line):
            continue
        if word.startswith(".section"):
            # "R", to keep what nobody names, is news to older assemblers and wanted by nobody here.
            line = SWIFT.sub("_S", section(line, names)).replace('"axR"', '"ax"')
        elif word not in TEXTS:
            line = without_comment(QUOTED.sub(names.of, line), COMMENT[arch])
            line = OWN.sub(r"apus_\1", SWIFT.sub("_S", line).replace("apus_main", "main"))
        if line.strip():
            lines.append(line)
    return "\n".join(without_unused_labels(lines)) + "\n"


def without_unused_labels(lines):
    """The lines but the labels that only debug information has spoken of."""
    label = re.compile(r"(\.L(?:tmp|func_begin)\d+):")
    used = set()
    for line in lines:
        if not label.fullmatch(line):
            used.update(re.findall(r"\.L(?:tmp|func_begin)\d+", line))
    return [line for line in lines if not (found := label.fullmatch(line)) or found[1] in used]


def main():
    arch, source, output = sys.argv[1:]
    options = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    with open(source, **options) as file:
        text = file.read()
    with open(output, "w", **options) as file:
        file.write(clean(text, arch))


main()
