#!/usr/bin/env bash
# Compiles the hot path beside its sources (setup.py says what), or removes what was compiled: COMPILE=no.
# GUIDED=yes compiles it twice: the first one counts what runs while a demonstration bank is under load, and the second
# one lays out by that what runs and what does not.
set -euo pipefail
cd "$(dirname "$0")/.."

find engine models api -name '*.so' -delete
find . -maxdepth 1 -name '*__mypyc*.so' -delete
rm -rf build
mkdir build
[ "${COMPILE:-}" = no ] && exit 0

say() { printf 'setup: %s\n' "$1" >&2; }
build() {
    if ! CFLAGS="${CFLAGS:-} $1" LDFLAGS="${LDFLAGS:-} $1" "$PYTHON" setup.py --quiet build_ext --inplace --force >build/compile.log 2>&1; then
        cat build/compile.log >&2
        exit 1
    fi
    "$PYTHON" -m api.compiled
}

if [ "${GUIDED:-}" != yes ]; then
    say 'compiling the hot path'
    build ''
    exit 0
fi
if ! "${CC:-cc}" --version | grep -q 'Free Software Foundation'; then
    say 'a profile guides gcc only; set CC=gcc, or stay with what make setup compiles'
    exit 1
fi
say 'compiling the hot path, to count what runs'
build -fprofile-generate
say 'putting a demonstration bank under load'
"$PYTHON" -m loadtest --profile saturate --seconds 15 --json build/load.json >build/load.log 2>&1 ||
    { tail -5 build/load.log >&2; exit 1; }
say 'compiling it by what was counted'
build '-fprofile-use -fprofile-correction -Wno-missing-profile'
