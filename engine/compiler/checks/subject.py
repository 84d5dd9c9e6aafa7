"""What checks look at: every rule, read and resolved, before it becomes a plan."""

from dataclasses import dataclass

from engine.actions import Action
from engine.plan import ActionRules, Catalogue, Channel, Guard, Need, Theme, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All rules of a bundle."""

    catalogue: Catalogue
    channels: tuple[Channel, ...]
    actions: tuple[Action, ...]
    action_rules: tuple[ActionRules, ...]
    themes: tuple[Theme, ...]
    triggers: tuple[Trigger, ...]
    guards: tuple[Guard, ...]
    needs: tuple[Need, ...]
