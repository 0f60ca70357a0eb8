#!/usr/bin/env python3
"""Compiles a product of Package.swift for one board, as one program.

    compile.py PRODUCT ARCH TRIPLE FOLDER OUTPUT [-DDEFINE…]

`swift build` compiles file by file and links what comes out; the device wants the linker to see the
whole program instead (full link-time optimisation), which saves a tenth of its size. So this reads
the targets, their order and their settings from Package.swift (`swift package dump-package`), the
options of the architecture from the SDK's toolset, compiles every target to bitcode in one go and
lets lld generate the code. Targets whose inputs are unchanged are kept.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

TRAIT = "Embedded"
PACKAGE = "apus"
# One copy of what the compiler says twice; whole functions and parts of them. A switch is a few
# compares, not a table. A function with a large frame stays on its own: inlined, its locals are far
# from the stack pointer.
LINK_TIME = [
    "--lto-O2",
    *(f"--mllvm={option}" for option in (
        "-enable-machine-outliner=always", "-enable-linkonceodr-outlining",
        "-inline-max-stacksize=256", "-inline-threshold=10", "-disable-lsr",
        "-min-jump-table-entries=100", "-split-spill-mode=size", "-tail-merge-size=2",
        # Blocks where they save jumps, no value kept over a distance only to save its computation,
        # and equal instructions left in equal order, for the outliner.
        "-apply-ext-tsp-for-size", "-disable-machine-licm", "-disable-machine-cse",
        "-disable-constant-hoisting", "-pre-RA-sched=list-burr",
        "-enable-misched=false", "-enable-post-misched=false",
        "-force-attribute=minsize", "-force-attribute=optsize",
        # The next of a range of numbers: `for index in 0..<count` is no call.
        "-force-attribute=$es16IndexingIteratorV4next7ElementQzSgyFSnySiG_Tg5:alwaysinline")),
    "--lto-newpm-passes=forceattrs,lto<Oz>,lto<Oz>,"
    "function(gvn-sink,simplifycfg<hoist-common-insts;sink-common-insts>),"
    "mergefunc,iroutliner,globaldce"]

# Calls between known functions save only the registers that the callee uses. Not on ARM: there LLVM
# takes the link register for one of them, and a function that calls never returns.
BETWEEN_FUNCTIONS = {"x86_64": ["--mllvm=-enable-ipra"]}

# Left to the linker, which knows what it costs in the whole program.
EARLY_PASSES = ["inline", "late-inline", "loop-unroll", "loop-rotate", "licm", "array-property-opt"]


def settings(target, tool):
    """The options that a target's settings stand for, in a release build with the trait."""
    for setting in target["settings"]:
        condition = setting.get("condition", {})
        if setting["tool"] != tool or condition.get("config", "release") != "release":
            continue
        if condition.get("traits", [TRAIT]) != [TRAIT]:
            continue
        (kind, value), = setting["kind"].items()
        value = value.get("_0")
        if kind == "define":
            yield f"-D{value}"
        elif kind == "unsafeFlags":
            yield from value
        elif kind == "strictMemorySafety":
            yield "-strict-memory-safety"
        elif kind == "enableExperimentalFeature":
            yield from ["-enable-experimental-feature", value]
        elif kind == "enableUpcomingFeature":
            yield from ["-enable-upcoming-feature", value]
        else:
            sys.exit(f"error: compile.py does not know the setting {kind}")


def in_order(targets, name, order):
    """The targets that one is made of, each after those it depends on."""
    for dependency in targets[name]["dependencies"]:
        in_order(targets, dependency["byName"][0], order)
    if name not in order:
        order.append(name)


class Compiler:
    def __init__(self, root, arch, triple, work, defines):
        self.root = root
        self.arch = arch
        self.work = work
        self.defines = defines
        self.work.mkdir(parents=True, exist_ok=True)
        bundle = root / ".build/sdk/apus.artifactbundle" / arch
        self.toolset = json.loads((bundle / "toolset.json").read_text())
        self.triple = triple
        self.sysroot = bundle / "sysroot"
        # What every later target depends on: the digests of all that came before it.
        self.digest = hashlib.sha256(Path(__file__).read_bytes())
        self.digest.update(json.dumps(self.toolset).encode())

    def options(self, tool):
        return self.toolset[tool]["extraCLIOptions"]

    def unless_kept(self, name, files, outputs, command):
        """Runs the command unless its outputs were made from the same inputs."""
        for file in files:
            self.digest.update(str(file).encode() + b"\0" + file.read_bytes())
        self.digest.update(repr(command).encode())
        stamp = self.work / f"{name}.stamp"
        made_from = self.digest.hexdigest()
        if all(output.exists() for output in outputs) and stamp.exists() \
                and stamp.read_text() == made_from:
            return
        stamp.unlink(missing_ok=True)
        if subprocess.run(command, cwd=self.work).returncode != 0:
            sys.exit(f"error: {name} does not compile")
        stamp.write_text(made_from)

    def c_target(self, target, folder):
        include = folder / "include"
        headers = sorted(folder.glob("**/*.h"))
        module = self.work / target["name"]
        module.mkdir(exist_ok=True)
        (module / "module.modulemap").write_text(
            f'module {target["name"]} {{ umbrella "{include}" export * }}\n')
        objects = []
        for source in sorted(folder.glob("*.c")):
            output = self.work / f'{target["name"]}-{source.stem}.o'
            self.unless_kept(output.name, [*headers, source], [output], [
                "clang", f"--target={self.triple}", *settings(target, "c"), *self.options("cCompiler"),
                *self.defines, "-flto", "-fomit-frame-pointer", f"-I{include}", "-c", str(source),
                "-o", str(output)])
            objects.append(output)
        return objects

    def swift_target(self, target, folder, maps):
        name = target["name"]
        sources = sorted(folder.glob("**/*.swift"))
        output = self.work / f"{name}.bc"
        module = self.work / f"{name}.swiftmodule"
        options = [
            "-target", self.triple, "-sdk", str(self.sysroot), "-swift-version", "6",
            "-wmo", "-num-threads", "0", "-module-name", name, "-package-name", PACKAGE,
            "-module-cache-path", str(self.work / "modules"), "-I", str(self.work)]
        if target["type"] != "executable":
            options.append("-parse-as-library")
        for option in self.options("cCompiler"):
            options += ["-Xcc", option]
        for path in maps:
            options += ["-Xcc", f"-fmodule-map-file={path}"]
        self.unless_kept(name, sources, [output, module], [
            "swiftc", *options, *settings(target, "swift"), *self.options("swiftCompiler"),
            *self.defines,
            # One trap a function: a crash names the function, and the record the event.
            "-Xfrontend", "-mergeable-traps",
            "-Xcc", "-fomit-frame-pointer", "-Xllvm", "-force-attribute=swift_retain:noinline",
            *(word for name in EARLY_PASSES for word in ("-Xllvm", f"-sil-disable-pass={name}")),
            "-emit-module", "-emit-module-path", str(module), "-lto=llvm-full", "-emit-bc",
            "-o", str(output), *map(str, sources)])
        return output

    def unicode(self):
        """The tables that `String` looks into: apus has none, so it must link without them."""
        info = json.loads(subprocess.run(
            ["swift", "-print-target-info"], check=True, stdout=subprocess.PIPE).stdout)
        resources = Path(info["paths"]["runtimeResourcePath"])
        return [resources / "embedded" / self.triple / "libswiftUnicodeDataTables.a"]

    def link(self, objects, output):
        subprocess.run(["ld.lld", *LINK_TIME, *BETWEEN_FUNCTIONS.get(self.arch, []),
                        *map(str, objects), *self.options("linker"), "-O2", "-static",
                        "-o", str(output)], check=True)


def main():
    product, arch, triple, work, output, *defines = sys.argv[1:]
    root = Path.cwd()
    package = json.loads(subprocess.run(
        ["swift", "package", "dump-package"], check=True, stdout=subprocess.PIPE).stdout)
    targets = {target["name"]: target for target in package["targets"]}
    order = []
    in_order(targets, product, order)
    compiler = Compiler(root, arch, triple, Path(work), defines)
    objects, maps = [], []
    for name in order:
        target = targets[name]
        folder = root / (target.get("path") or f"Sources/{name}")
        if target["type"] == "system":
            maps.append(folder / "module.modulemap")
        elif list(folder.glob("*.c")):
            objects += compiler.c_target(target, folder)
            maps.append(compiler.work / name / "module.modulemap")
        else:
            objects.append(compiler.swift_target(target, folder, maps))
    if product != PACKAGE:
        objects += compiler.unicode()
    compiler.link(objects, output)


main()
