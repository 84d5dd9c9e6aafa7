"""Judges rule files as a whole before they may serve: compiled, checked, tested, and held against what serves now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine import RuleErrors, compile_bundle
from engine.compiler.acceptance import judge as accept
from engine.compiler.bundle import Bundle
from engine.compiler.new_history import check_new_history
from engine.compiler.succession import check_succession
from engine.errors import Code, Diagnostic, Severity
from engine.ruletests import run_rule_tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A bundle that may serve, or None, and everything that was found."""

    bundle: Bundle | None
    diagnostics: tuple[Diagnostic, ...]


def judge(files: Mapping[str, bytes], root: str, serving: Mapping[str, bytes] | None) -> Judgement:
    """Judge rule files; `serving` are those that they are to follow, `root` is how diagnostics call their folder."""
    try:
        bundle = compile_bundle(files, root=root)
    except RuleErrors as errors:
        return Judgement(bundle=None, diagnostics=errors.diagnostics)
    found = {*bundle.plan.warnings, *_failures(bundle)}
    if serving is not None:
        found.update(following(serving, files, root, bundle))
    refused = any(each.severity is Severity.ERROR for each in found)
    return Judgement(bundle=None if refused else bundle, diagnostics=tuple(sorted(found)))


def following(
    serving: Mapping[str, bytes], files: Mapping[str, bytes], root: str, bundle: Bundle
) -> tuple[Diagnostic, ...]:
    """What keeps a bundle from following what serves, without the warnings that its files accept."""
    found = (*check_succession(serving, files, root), *check_new_history(serving, files, bundle))
    return accept(found, bundle.acceptances, looked_for=()).standing


def _failures(bundle: Bundle) -> Iterator[Diagnostic]:
    for result in run_rule_tests(bundle):
        yield from result.problems
        for failure in result.failures:
            yield Diagnostic(result.span, f"the test `{result.name}` fails: {failure}", code=Code.FAILED_TEST)
