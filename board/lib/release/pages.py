#!/usr/bin/env python3
"""Writes the manual pages and the shells' completions from what `apus help` says.

    pages.py APUS FOLDER      (APUS: a binary for this machine; FOLDER gets man/ and completions/)

Commands, options and operands come from the help pages alone, so that they cannot differ from what the
program takes. The manual page of the manifest comes from its JSON Schema.
"""

import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import reference  # noqa: E402


class Command:
    """One command: its word, a line, what follows the word, and its page."""

    def __init__(self, apus, word, summary):
        self.word, self.summary = word, summary
        page = help_page(apus, word)
        head, self.page = page.split("\n\n", 2)[1:]
        self.synopsis = head.removeprefix(f"usage: apus {word}").strip()
        # `-n, --lines N    of what there is` and `--json  as an object`: names, and what takes a value.
        self.options = {}
        for line in self.page.splitlines():
            found = re.match(r"((?:-\w, )?--[\w-]+|-\w)(?: ([A-Z]+))?(?:  |$)", line)
            if found:
                for name in found[1].split(", "):
                    self.options[name] = found[2]
        for name, value in re.findall(r"(--?[a-z][\w-]*)(?: ([A-Z]+))?", self.synopsis):
            self.options.setdefault(name, value or None)
        self.options.pop("--control", None)  # that of every command

    @property
    def operand(self):
        """What its operands are: `service`, `file`, `command`, `wait`, or nothing."""
        for kind in ("COMMAND", "FILE...", "SERVICE"):
            if kind in self.synopsis:
                return kind.strip(".").lower()
        return ""


def help_page(apus, *words):
    done = subprocess.run([apus, "help", *words], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def roff(text):
    """Text as it is, for troff."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").split("\n")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def manual(commands, overview, version):
    usage, rest = overview.split("\n\n", 3)[1], overview.split("\n\n", 3)[3]
    yield f'.TH APUS 8 "" "apus {version}"\n.SH NAME\napus \\- {roff(overview.split(" - ")[1].splitlines()[0])}'
    yield f".SH SYNOPSIS\n.B {roff(usage.removeprefix('usage: '))}\n.SH COMMANDS"
    for command in commands:
        yield f".SS apus {roff((command.word + ' ' + command.synopsis).strip())}"
        yield f"{roff(command.summary[:1].upper() + command.summary[1:])}.\n.PP\n.nf\n{roff(command.page.strip())}\n.fi"
    yield f".SH ENVIRONMENT AND EXIT STATUS\n.nf\n{roff(rest.strip())}\n.fi"
    yield ".SH SEE ALSO\n.BR apus.json (5)"


def entries(schema, node, path="", deep=True):
    """Each key below a schema's node as a paragraph, the deeper ones after their own."""
    for name, value in schema.keys(node):
        words = [roff(schema.kind(value))]
        if "default" in value:
            words.append("default " + roff(json.dumps(value["default"])))
        yield (f".TP\n.B {roff(path + name)}\n({'; '.join(words)})\n.br\n{roff(value['description'])}\n.br\n"
               f"Example: {roff(json.dumps(value['examples'][0]))}")
        # Those of a socket and of commands are sections of their own.
        if deep and value.get("items", {}).get("$ref") is None and "$ref" not in value:
            yield from entries(schema, value, f"{path}{name}.")


def manifest_page(version):
    schema = reference.Schema()
    parts = schema.definitions
    yield f'.TH APUS.JSON 5 "" "apus {version}"\n.SH NAME\napus.json \\- the manifest of apus'
    yield (".SH DESCRIPTION\n/etc/apus.json and its drop\\-ins /etc/apus.d/*.json, in the order of their "
           "names, in JSON.\n.SH VALUES")
    for row in reference.VALUES.split("\n\n")[0].splitlines()[2:]:
        name, meaning = row.strip("| ").split(" | ")
        yield f".TP\n.B {roff(name)}\n{roff(meaning.replace('`', ''))}"
    yield ".PP\n" + roff(reference.VALUES.split("\n\n")[1].replace("`", "").strip())
    yield ".SH THE FILE"
    yield from entries(schema, schema.root, deep=False)
    for title, node in (
            ("A SERVICE", parts["service"]),
            ("A COMMAND OF PRE, STARTED AND POST", parts["commands"]["items"]["anyOf"][1]),
            ("A DIRECTORY", parts["directories"]["items"]), ("A SOCKET OF LISTEN", parts["socket"]),
            ("SYSTEM", parts["system"])):
        yield f".SH {title}"
        yield from entries(schema, node)
    yield ".SH FILES\n.TP\n/usr/share/apus/manifest.schema.json\nThe same for editors.\n.TP\n" \
          "/usr/share/apus/catalogue\nManifests for programs, to be copied to /etc/apus.d.\n" \
          ".SH SEE ALSO\n.BR apus (8)"


BASH = """# Completion of apus for bash.
_apus() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} verb= at=1 previous=${{COMP_WORDS[COMP_CWORD-1]}}
  while [ "$at" -lt "$COMP_CWORD" ]; do
    case ${{COMP_WORDS[at]}} in
    --control | --control=*) ;;
    -*) ;;
    *) [ "${{COMP_WORDS[at-1]}}" = --control ] || {{ verb=${{COMP_WORDS[at]}}; break; }} ;;
    esac
    at=$((at + 1))
  done
  case $previous in
  {valued}) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  local options= operands=
  case $verb in
  "") options="--control --help --version" operands="{words}" ;;
{cases}  esac
  case $word in
  -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
  *)
    case $operands in
    SERVICE*) operands="$(_apus_services) ${{operands#SERVICE}}" ;;
    FILE) COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
    COMPREPLY=($(compgen -W "$operands" -- "$word"))
    ;;
  esac
}}
_apus_services() {{
  apus status --json 2>/dev/null | grep -o '{{"name":"[^"]*"' | cut -d '"' -f 4
}}
complete -F _apus apus
"""

ZSH = """#compdef apus
# Completion of apus for zsh.
_apus_services() {{
  local -a names
  names=(${{(f)"$(apus status --json 2>/dev/null | grep -o '{{"name":"[^"]*"' | cut -d '"' -f 4)"}})
  compadd -a names
}}
_apus() {{
  local context state line
  typeset -A opt_args
  _arguments -C '--control[ask the supervisor at this socket]:path:_files' \\
    '1:command:->command' '*::operand:->operand'
  case $state in
  command)
    local -a commands
    commands=(
{commands}    )
    _describe command commands
    ;;
  operand)
    case $line[1] in
{cases}    esac
    ;;
  esac
}}
_apus "$@"
"""

FISH = """# Completion of apus for fish.
function __apus_services
    apus status --json 2>/dev/null | string match -ra '{{"name":"([^"]*)"' | string match -rv '^{{'
end
complete -c apus -f
complete -c apus -l control -r -F -d 'ask the supervisor at this socket'
{lines}"""


def described(text):
    return text.replace("'", "").replace(":", "")


def bash(commands):
    cases = ""
    for command in commands:
        operands = {"service": "SERVICE", "file": "FILE", "": "",
                    "command": " ".join(other.word for other in commands)}[command.operand]
        if command.word == "wait":
            operands = "SERVICE ready stopped"
        options = " ".join([*command.options, "--control", "--help"])
        cases += f'  {command.word}) options="{options}" operands="{operands}" ;;\n'
    valued = sorted({name for command in commands for name, value in command.options.items() if value}
                    | {"--control"})
    return BASH.format(valued=" | ".join(valued), words=" ".join(c.word for c in commands),
                       cases=cases)


def zsh(commands):
    names, cases = "", ""
    for command in commands:
        names += f"      '{command.word}:{described(command.summary)}'\n"
        options = [f"'{name}{f'[{value}]:{value}:_files' if value else ''}'"
                   for name, value in command.options.items()]
        operand = {"service": "'*:service:_apus_services'", "file": "'*:file:_files'", "": "",
                   "command": f"'*:command:({' '.join(c.word for c in commands)})'"}[command.operand]
        if command.word == "wait":
            operand = "'1:service:_apus_services' '2:state:(ready stopped)'"
        cases += f"    {command.word}) _arguments {' '.join([*options, operand]).strip()} ;;\n"
    return ZSH.format(commands=names, cases=cases)


def fish(commands):
    lines = ""
    words = " ".join(command.word for command in commands)
    for command in commands:
        lines += (f"complete -c apus -n 'not __fish_seen_subcommand_from {words}' "
                  f"-a {command.word} -d '{described(command.summary)}'\n")
        seen = f"complete -c apus -n '__fish_seen_subcommand_from {command.word}'"
        for name, value in command.options.items():
            kind = "-l" if name.startswith("--") else "-s"
            lines += f"{seen} {kind} {name.lstrip('-')}{' -r -F' if value else ''}\n"
        operand = {"service": "-a '(__apus_services)'", "file": "-F", "": "",
                   "command": f"-a '{words}'"}[command.operand]
        if command.word == "wait":
            operand = "-a '(__apus_services) ready stopped'"
        if operand:
            lines += f"{seen} {operand}\n"
    return FISH.format(lines=lines)


def main():
    apus, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    overview = help_page(apus)
    version = subprocess.run([apus, "version"], check=True, stdout=subprocess.PIPE,
                             text=True).stdout.split()[1]
    commands = [Command(apus, word, summary)
                for word, summary in re.findall(r"^  ([a-z-]+) {2,}(.*)$", overview, re.MULTILINE)]
    for name in ("man", "completions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "man/apus.8").write_text("\n".join(manual(commands, overview, version)) + "\n")
    (folder / "man/apus.json.5").write_text("\n".join(manifest_page(version)) + "\n")
    (folder / "completions/apus.bash").write_text(bash(commands))
    (folder / "completions/_apus").write_text(zsh(commands))
    (folder / "completions/apus.fish").write_text(fish(commands))


main()
