#!/usr/bin/env bash
# Builds the virtual environment in $VENV from the hash-locked requirements. PYTHON chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}

say() { printf 'setup: %s\n' "$1" >&2; }
stop() {
    say "$1"
    exit 1
}

is_supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1; }

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }
has_headers() {
    "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

# Shims of version managers are on the PATH even where they lead nowhere, so every candidate is run before it is believed.
find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3 python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[12].*/bin/python; do
        if is_supported "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

# Two makes at once (a hook and a developer) take turns.
if command -v flock >/dev/null; then
    exec 9>"$venv.lock"
    flock 9
fi

if [ -n "${PYTHON:-}" ]; then
    is_supported "$PYTHON" || stop "PYTHON=$PYTHON is not a Python 3.11 or 3.12 that runs here"
    python=$PYTHON
elif is_supported "$venv/bin/python"; then
    python=$venv/bin/python
else
    python=$(find_python)
    [ -n "$python" ] || stop "needs Python 3.11 or 3.12 on the PATH; or name one: make setup PYTHON=/path/to/python3.11"
fi
wanted=$(version_of "$python")

# durable-rules is published as source only and is compiled here, as is our own hot path.
missing=()
command -v gcc >/dev/null || command -v "${CC:-cc}" >/dev/null || missing+=(gcc libc6-dev)
has_headers "$python" || missing+=("python$wanted-dev")
if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing ${missing[*]}, to compile what needs it"
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null ||
            stop "could not install ${missing[*]}; install a C compiler and Python's headers, then run make setup again"
    else
        stop "needs a C compiler and Python's headers (Debian: apt-get install ${missing[*]})"
    fi
fi

if [ "$(version_of "$venv/bin/python")" != "$wanted" ]; then
    say "making $venv with Python $wanted"
    rm -rf "$venv"
    "$python" -m venv "$venv" || stop "could not make $venv (Debian: apt-get install python$wanted-venv)"
fi

install() { "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input "$@"; }
say "installing the locked dependencies into $venv"
install --require-hashes --only-binary :all: -r requirements/build.txt
install --require-hashes --only-binary :all: --no-binary durable-rules --no-build-isolation -r requirements/dev.txt
COMPILE=no install --no-deps --no-build-isolation --editable .
