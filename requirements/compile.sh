#!/usr/bin/env bash
# Compiles the hot path beside its sources (setup.py says what), or removes what was compiled: COMPILE=no.
set -euo pipefail
cd "$(dirname "$0")/.."

find engine models api -name '*.so' -delete
find . -maxdepth 1 -name '*__mypyc*.so' -delete
rm -rf build
mkdir build
[ "${COMPILE:-}" = no ] && exit 0
printf 'setup: compiling the hot path\n' >&2
if ! "$PYTHON" setup.py --quiet build_ext --inplace >build/compile.log 2>&1; then
    cat build/compile.log >&2
    exit 1
fi
"$PYTHON" -m api.compiled
