"""Runs the fuzzer for a while; ends with 0 if nothing was found.

The seeds are the starter rules and the corpus of wrong files, the dictionary is the grammar's words. What breaks the
compiler is kept beside the corpus and named; `--input FILE` runs it again.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["engine.compiler", "engine.ruletests"]):
    from engine.compiler.grammar import SHAPES
    from engine.compiler.grammar.words import OPERATORS, PERIODS
    from tests.fuzz.target import PLACES, run
    from tests.golden.engine.wrong_rules import read_corpus

ROOT: Final = Path(__file__).parents[2]
WORDS: Final = (
    *("when", "unless", "any", "all", "none", "history", "true", "false", "present", "missing", "not ", "all of ["),
    *(
        ": ",
        "- ",
        "\n  ",
        "{",
        "}",
        "[",
        "]",
        "..",
        " * ",
        "30d",
        "6mo",
        "'",
        '"',
        "# ",
        "---\n",
        "&a",
        "*a",
        "!!",
        ">",
    ),
    *("1e999", "2026-02-30", "{age}", "<<: ", "|\n", "\ufeff", "\u202e", "\r\n", "\t", "\\u202e", "~", "50_000"),
    *(
        "age",
        "rent",
        "work",
        "verified",
        "renews_on",
        "holds.isa",
        "consent.marketing",
        "web.hero",
        "page_viewed",
        "quote",
    ),
)


def main() -> None:
    """Fuzz for as long as was asked."""
    asked = _arguments()
    if asked.input is not None:
        run(asked.input.read_bytes())
        return
    with tempfile.TemporaryDirectory() as folder:
        corpus = asked.corpus or Path(folder) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        for name, seed in _seeds():
            (corpus / name).write_bytes(seed)
        words = Path(folder) / "words"
        words.write_text("".join(f'"{_quoted(word)}"\n' for word in _words()), encoding="ascii")
        options = [f"-max_total_time={asked.seconds}", f"-dict={words}", f"-seed={asked.seed}", "-max_len=4096"]
        options += ["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={corpus}/"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], run)
        atheris.Fuzz()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long (60)")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's chance (1)")
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what reached something new")
    parser.add_argument("--input", type=Path, help="run one input that was found")
    return parser.parse_args()


def _seeds() -> Iterator[tuple[str, bytes]]:
    """Inputs to begin with, named by where they come from."""
    for path in sorted((ROOT / "rules").rglob("*.yaml")):
        name = path.relative_to(ROOT / "rules").as_posix()
        yield f"rules-{name.replace('/', '-')}", _input(name, path.read_bytes())
    for case in read_corpus():
        for name, text in case.files.items():
            yield f"wrong-{case.kind}-{case.name}-{name.replace('/', '-')}", _input(name, text.encode())


def _input(name: str, content: bytes) -> bytes:
    folder = name.partition("/")[0]
    place = next((at for at, place in enumerate(PLACES) if place in (name, f"{folder}/x.yaml")), 0)
    return bytes([place]) + content


def _words() -> list[str]:
    keys = (key.name for shape in SHAPES.values() for key in shape.keys)
    return sorted({*WORDS, *keys, *OPERATORS, *PERIODS})


def _quoted(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main()
