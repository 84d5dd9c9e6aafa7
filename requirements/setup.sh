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

if [ -n "${PYTHON:-}" ]; then
    is_supported "$PYTHON" || stop "PYTHON=$PYTHON is not a Python 3.11 or 3.12 that runs here"
    python=$PYTHON
else
    python=$(find_python)
    [ -n "$python" ] || stop "needs Python 3.11 or 3.12 on the PATH; or name one: make setup PYTHON=/path/to/python3.11"
fi

# durable-rules is published as source only and is compiled here.
if ! command -v "${CC:-cc}" >/dev/null && ! command -v gcc >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing a C compiler (for durable-rules)"
        apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
    else
        stop "needs a C compiler to build durable-rules; install gcc (Debian: apt-get install gcc libc6-dev) and run make setup again"
    fi
fi

wanted=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
have=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
if [ "$have" != "$wanted" ]; then
    say "making $venv with Python $wanted"
    rm -rf "$venv"
    "$python" -m venv "$venv" || stop "could not make $venv (Debian: apt-get install python$wanted-venv)"
fi

install() { "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input "$@"; }
say "installing the locked dependencies into $venv"
install --require-hashes --only-binary :all: -r requirements/build.txt
install --require-hashes --only-binary :all: --no-binary durable-rules --no-build-isolation -r requirements/dev.txt
install --no-deps --no-build-isolation --editable .
