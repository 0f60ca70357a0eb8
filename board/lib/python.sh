# Python tools from PyPI, in a folder of their own under .build. Needs common.sh.

# Usage: python_tools PACKAGE…; installs what is missing and prints the folder of the environment.
python_tools() {
  local folder=$build/python name
  (
    flock 9
    [ -x "$folder/bin/python3" ] || logged python-venv python3 -m venv "$folder"
    for name in "$@"; do
      "$folder/bin/python3" -m pip --quiet show "$name" >/dev/null 2>&1 ||
        logged "python-$name" "$folder/bin/python3" -m pip --quiet --disable-pip-version-check \
          install "$name"
    done
  ) 9>"$build/python.lock"
  printf '%s\n' "$folder"
}
