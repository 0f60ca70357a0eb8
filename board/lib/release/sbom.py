#!/usr/bin/env python3
"""Prints what a release is made of, as SPDX 2.3 JSON.

    sbom.py VERSION COMMIT SECONDS PACKAGES FILE…

SECONDS is the commit's time; PACKAGES lists the Debian packages whose code the static binaries link,
as NAME_VERSION, one a line.
"""

import datetime
import hashlib
import json
import pathlib
import sys

LICENSES = {
    "musl-dev": "MIT",
    "libcap2": "BSD-3-Clause OR GPL-2.0-only",
    "libgcc-12-dev": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "linux-libc-dev": "GPL-2.0-only WITH Linux-syscall-note",
}


def package(name, version, license, **more):
    return {"SPDXID": f"SPDXRef-{name}", "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": license,
            "licenseDeclared": license, "copyrightText": "NOASSERTION", **more}


def main():
    version, commit, seconds, listed, *files = sys.argv[1:]
    made = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    packages = [
        package("apus", version, "Apache-2.0", sourceInfo=f"commit {commit}"),
        package("swift-embedded-standard-library", "6.3", "Apache-2.0 WITH Swift-exception")]
    for line in sorted(set(pathlib.Path(listed).read_text().split())):
        name, number = line.split("_", 1)
        packages.append(package(name, number, LICENSES[name]))
    print(json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"apus-{version}", "documentNamespace": f"urn:apus:{version}:{commit}",
        "creationInfo": {"created": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: board/release"]},
        "packages": packages,
        "files": [{
            "SPDXID": f"SPDXRef-file-{number}", "fileName": pathlib.Path(file).name,
            "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION",
            "checksums": [{"algorithm": kind.upper(), "checksumValue": hashlib.new(
                kind, pathlib.Path(file).read_bytes()).hexdigest()} for kind in ("sha1", "sha256")],
        } for number, file in enumerate(files)],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
             "relatedSpdxElement": "SPDXRef-apus"},
            *({"spdxElementId": "SPDXRef-apus", "relationshipType": "STATIC_LINK",
               "relatedSpdxElement": item["SPDXID"]} for item in packages[1:])],
    }, indent=1))


main()
