"""The functional core: compiles rules and decides, without I/O, clock or randomness."""

from engine.compiler.bundle import Bundle, compile_bundle
from engine.decision import Decision, Request, Snapshot
from engine.errors import Diagnostic, RuleErrors
from engine.pipeline import decide
from engine.plan import Plan

__all__ = ["Bundle", "Decision", "Diagnostic", "Plan", "Request", "RuleErrors", "Snapshot", "compile_bundle", "decide"]
