#!/usr/bin/env python3
"""Writes the reference pages from the schema and the catalogue.

    board/lib/reference.py            writes ManifestReference.md and Catalogue.md
    board/lib/reference.py --check    says which of them is not what it would write; exit 1

The schema has every key's type, default, limits, sentence and example; a page that is edited by hand would
say something else than an editor does. The manual page apus.json(5) comes from the same keys.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARE = ROOT / "rootfs-overlay/usr/share/apus"
PAGES = ROOT / "Sources/apus/Documentation.docc"

# What a definition of the schema is called in a table.
NAMES = {
    "command": "command", "commands": "[command]", "directories": "[directory]",
    "duration": "duration or never", "environment": "{name: text}", "exitStatuses": "[code or signal]",
    "input": "stream", "output": "stream", "limit": "limit", "links": "[service]", "mode": "mode",
    "path": "path", "paths": "[path]", "principal": "name or id", "rate": "rate",
    "relativePath": "relative path", "service": "service", "serviceName": "service",
    "signal": "signal", "size": "size", "sizeOrMax": "size or max", "socket": "socket",
    "time": "duration", "powerAction": "reboot, poweroff, ignore or a service",
}

VALUES = """| type | how it is written |
|---|---|
| duration | a sum of `d`, `h`, `min`, `s` and `ms` from large to small: `"250ms"`, `"1min 30s"`; also `"never"` where its type says so. Not a number |
| size | bytes: `4096`, or text with `K`, `M`, `G` or `T`, powers of 1,024: `"64K"` |
| rate | a count and the time it is counted in: `"5/10s"` |
| mode | permission bits in octal, as text: `"0660"` |
| name or id | a user or group: a name is text, an id a number. One that is unknown refuses the start, it never becomes root |
| command | the absolute path of a program and its arguments: `["/bin/rm", "-f", "/run/x"]`. No shell is involved |
| [command] | commands one after the other: each as above, or an object with `exec`, `mayFail` and `timeout` |
| signal | the name in capitals: `"SIGHUP"`, `"SIGRTMIN+3"` |
| limit | a number or a size for both limits, or `"soft:hard"`; `"infinity"` is none |
| path | absolute, without `..` |
| [directory] | paths below the place, or objects with `name`, `mode`, `user` and `group` |

`%i` in any text of a template is the instance, `%%` a percent sign. Any object may have a `description` and
keys that begin with `x-`, which apus does not look at; other unknown keys are errors.
"""

HEAD = """# Every key of the manifest

Types, defaults, limits, a sentence and an example for each key.

## Overview

This page is made from `rootfs-overlay/usr/share/apus/manifest.schema.json` by `board/lib/reference.py`; change
the schema, not the page. <doc:Manifest> explains how the keys work together.

"""

CATALOGUE_HEAD = """# The catalogue

Manifests for programs that boards run, ready to be copied.

## Overview

`/usr/share/apus/catalogue/NAME.json` is a drop-in: `cp` it to `/etc/apus.d`, change what its description says,
and `apus check` it, with `--root DIR` for an image. Each gives its program the least that it works with: a user,
capabilities, a sandbox and limits. Paths and accounts are Debian 12's; `wants` and `after` name services that
may be missing, so any of them go together, but for two that would have the same address or the same job.

```sh
cp /usr/share/apus/catalogue/mosquitto.json /etc/apus.d/50-mosquitto.json
apus check
apus apply
apus wait mosquitto ready
```

Those with a mark are run in the tests as they are, against Debian 12's packages; the others pass the check, and
have been written after the programs' own documentation. Buildroot's own set, with its paths and accounts, is in
`board/buildroot/package/apus/services` (<doc:Buildroot>). This page is made by `board/lib/reference.py`.

| file | services | tested | what it is |
|---|---|---|---|
"""


class Schema:
    """The schema's keys, each with where it stands."""

    def __init__(self):
        self.root = json.loads((SHARE / "manifest.schema.json").read_text())
        self.definitions = self.root["$defs"]

    def resolve(self, node):
        """A node with what it refers to; its own words go first."""
        while "$ref" in node:
            target = self.root
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return node

    def properties(self, node):
        """The keys of an object, or of the object among what the node may be."""
        node = self.resolve(node)
        for option in (node, *node.get("anyOf", ()), self.resolve(node.get("items", {}))):
            if "properties" in self.resolve(option):
                return self.resolve(option)["properties"]
        return {}

    def kind(self, node):
        """What a value is, in a few words, with its limits."""
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[-1]
            if name in NAMES:
                return NAMES[name]
            return self.kind(self.definitions[name])
        if "allOf" in node:
            return self.kind(node["allOf"][0])
        if "enum" in node:
            return " · ".join(map(str, node["enum"]))
        if "const" in node:
            return json.dumps(node["const"])
        for several in ("anyOf", "oneOf"):
            if several in node and "type" not in node:
                return " or ".join(dict.fromkeys(self.kind(option) for option in node[several]))
        if "properties" in node or node.get("type") == "object":
            return "object"
        if node.get("type") == "array":
            most = f", at most {node['maxItems']}" if node.get("maxItems", 1024) != 1024 else ""
            return f"[{self.kind(node.get('items', {}))}]{most}"
        if node.get("type") in ("integer", "number"):
            least, most = node.get("minimum"), node.get("maximum")
            name = "number" if node["type"] == "integer" else "decimal number"
            if most is None or most >= 2**31 - 1:
                return f"{name}, {least} or more" if least is not None else name
            return f"{name}, {least} to {most}"
        return {"boolean": "true or false", "string": "text"}.get(node.get("type"), "any")

    def keys(self, node):
        """(key, its node) of an object."""
        return list(self.properties(node).items())


def code(value):
    """A value as JSON, in a table's cell."""
    return "`" + json.dumps(value, ensure_ascii=False).replace("|", "\\|") + "`"


def cell(text):
    return text.replace("|", "\\|")


def rows(schema, node):
    if not schema.keys(node):
        raise ValueError(f"no keys in {json.dumps(node):.200}")
    yield "| key | type | default | meaning | example |\n|---|---|---|---|---|"
    for name, value in schema.keys(node):
        default = code(value["default"]) if "default" in value else "–"
        yield (f"| `{name}` | {cell(schema.kind(value))} | {default} | {cell(value['description'])} | "
               f"{code(value['examples'][0])} |")
    yield ""


def tables(schema, title, node, level="##", path=""):
    """A table of an object, and one of each object in it."""
    yield f"{level} {title}\n"
    yield from rows(schema, node)
    for name, value in schema.keys(node):
        reference = value.get("$ref", "").rsplit("/", 1)[-1]
        if schema.properties(value) and reference not in ("commands", "directories") \
                and value.get("items", {}).get("$ref") != "#/$defs/socket":
            yield from tables(schema, f"`{path}{name}`", value, "###", f"{path}{name}.")


def reference(schema):
    yield HEAD
    yield VALUES
    yield "## The file\n"
    yield from rows(schema, schema.root)
    yield "`defaults` takes the keys of a service but `exec`, `listen`, `instances`, `override` and `main`.\n"
    yield from tables(schema, "A service", {"$ref": "#/$defs/service"})
    yield "### A command of `pre`, `started` and `post`\n"
    yield from rows(schema, schema.definitions["commands"]["items"]["anyOf"][1])
    yield "### A directory\n"
    yield from rows(schema, schema.definitions["directories"]["items"])
    yield "## A socket of `listen`\n\nExactly one of the first six keys is its address.\n"
    yield from list(tables(schema, "", {"$ref": "#/$defs/socket"}))[1:]
    yield from tables(schema, "The `system`", {"$ref": "#/$defs/system"})


def catalogue():
    yield CATALOGUE_HEAD.rstrip("\n")
    for file in sorted((SHARE / "catalogue").glob("*.json")):
        manifest = json.loads(file.read_text())
        names = ", ".join(f"`{name}`" for name in manifest["services"])
        tested = "✓" if "x-tested" in manifest else ""
        yield f"| `{file.stem}` | {names} | {tested} | {cell(manifest['description'])} |"


def pages():
    """The pages by their files."""
    text = "\n".join(reference(Schema()))
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return {PAGES / "ManifestReference.md": text.rstrip() + "\n",
            PAGES / "Catalogue.md": "\n".join(catalogue()) + "\n"}


def main():
    stale = 0
    for file, text in pages().items():
        if sys.argv[1:] == ["--check"]:
            if not file.exists() or file.read_text() != text:
                print(f"{file.relative_to(ROOT)}: not what the schema and the catalogue say; "
                      "run board/lib/reference.py")
                stale = 1
        else:
            file.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
