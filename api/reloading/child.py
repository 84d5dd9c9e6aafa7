"""Judges the rules on disk in a process of its own, so that no request waits for it.

It reads a `Question` from standard input, writes a `Verdict` to standard output, and ends at once when the process that
asked is gone. What may serve is left in `DATA_DIR/bundles`.
"""

import faulthandler
import gc
import os
import resource
import sys
import threading
from typing import Final, NoReturn

from msgspec.structs import replace

from api.adapters.bundle_files import BundleUnreadable, read_rules
from api.reloading.bundles import Bundles
from api.reloading.judging import judge
from api.reloading.verdict import (
    MOST_MEMORY_GIB,
    OUT_OF_MEMORY,
    Question,
    Verdict,
    decode_question,
    decode_verdict,
    encode,
    told,
)
from api.security import open_secrets
from api.settings import Settings
from engine.compiler.bundle import MODEL, hash_of
from engine.compiler.carry import pack_plan
from engine.errors import Severity

_MEMORY_BYTES: Final = MOST_MEMORY_GIB * 2**30


def answer(settings: Settings, question: Question) -> Verdict:
    """Judge what lies on disk against what serves; of several processes that ask the same, one works."""
    root = str(settings.rules)
    try:
        files = read_rules(settings.rules)
    except BundleUnreadable as error:
        return Verdict(result="refused", ruleset=None, model=None, errors=1, problems=(str(error),))
    ruleset = hash_of(files)
    bundles = Bundles(settings.data_dir, open_secrets(settings), root)
    if ruleset == question.serving:
        from api.reloading.scoring import same_rules  # noqa: PLC0415 - only models need numpy

        return same_rules(settings, question, files)
    with bundles.one_at_a_time():
        known = bundles.verdict(ruleset, question.serving)
        if known is not None and (decode_verdict(known).result == "refused" or bundles.staged(ruleset) is not None):
            return decode_verdict(known)
        verdict = _judged(settings, question, files, bundles)
        bundles.note_verdict(ruleset, question.serving, encode(verdict))
    return verdict


def _judged(settings: Settings, question: Question, files: dict[str, bytes], bundles: Bundles) -> Verdict:
    ruleset = hash_of(files)
    # Going back to a bundle that served before is no change of anything: its versions mean what they meant.
    before = None if question.serving is None or bundles.has(ruleset) else bundles.files(question.serving)
    judged = judge(files, str(settings.rules), before)
    errors = sum(each.severity is Severity.ERROR for each in judged.diagnostics)
    if judged.bundle is None:
        return Verdict(result="refused", ruleset=ruleset, model=None, errors=errors, problems=told(judged.diagnostics))
    ready = Verdict(
        result="ready", ruleset=ruleset, model=judged.bundle.model, errors=0, problems=told(judged.diagnostics)
    )
    if judged.bundle.model is not None:
        from api.reloading.scoring import model_problem  # noqa: PLC0415 - only models need numpy

        if (refusal := model_problem(settings, question, judged.bundle.model)) is not None:
            place = f"{settings.rules / MODEL}:1:1"
            return replace(ready, result="refused", errors=1, problems=(*ready.problems, f"{place}: {refusal}"))
    bundles.stage(ruleset, pack_plan(judged.bundle.plan))
    bundles.keep(ruleset, files)
    return ready


def _end_with_the_one_who_asked() -> None:
    """Its end closes our standard input, on which no lock may be held: an interpreter that ends would abort on it."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main() -> NoReturn:
    """Answer one question, and end without taking the interpreter down: nothing is left that could go wrong there."""
    faulthandler.enable()
    gc.disable()  # the process ends after one answer, and its memory is bounded
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    question = decode_question(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_one_who_asked, daemon=True).start()
    try:
        verdict = answer(Settings(), question)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    sys.stdout.buffer.write(encode(verdict))
    sys.stdout.buffer.flush()
    os._exit(0)
