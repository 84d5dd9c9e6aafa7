#!/usr/bin/env bash
# Sees that there is a Chromium for the browser tests, and installs Debian's where it may.
set -euo pipefail

say() { printf 'browser: %s\n' "$1" >&2; }

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "the browser tests need Chromium (Debian: apt-get install chromium); without it they fail"
    exit 0
fi
say "installing Chromium, for the browser tests"
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation; } >/dev/null ||
    say "could not install Chromium; the browser tests fail without it (Debian: apt-get install chromium)"
