"""The benchmark's bundle as real rule files: 200 actions, 500 three-cell blocks, 40 attributes, 8 groups, 5 channels.

For every benchmark customer exactly 20 actions pass all rules; the other 180 fail at a stage of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.blocks import ATTRIBUTES, Attribute, Block, BlockDrawer, Cell

SEED: Final = 20_260_105
ACTIONS: Final = 200
TRIGGERS: Final = 100
GROUPS: Final = 8
SURVIVORS: Final = 20
PLACEMENTS: Final = {"atm": "idle_screen", "web": "hero", "branch": "card", "phone": "card", "pc": "dashboard"}
_STAFF: Final = ("branch", "phone")
_PRODUCTS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchBundle:
    """Rule files for `compile_bundle`, and the blocks that they are made of."""

    files: Mapping[str, bytes]
    blocks: tuple[Block, ...]
    survivors: tuple[str, ...]
    """The actions that pass every stage, whichever benchmark customer asks."""


def bench_bundle(seed: int = SEED) -> BenchBundle:
    """The bundle on which decisions are measured; the same seed gives the same bytes."""
    drawer = BlockDrawer(seed)
    actions = [_draw_action(drawer, number) for number in range(ACTIONS)]
    triggers = [drawer.block(wanted=number % 7 == 0) for number in range(TRIGGERS)]
    files = {
        **frame(),
        "policy/contact.yaml": _CONTACT,
        "policy/arbitration.yaml": _ARBITRATION,
        **{f"actions/{_name(at)}.yaml": _action_file(at, each) for at, each in enumerate(actions)},
        **{
            f"customized/trigger_{at:04d}.yaml": trigger_file(at, block, _promoted(at))
            for at, block in enumerate(triggers)
        },
    }
    return BenchBundle(
        files={name: text.encode() for name, text in files.items()},
        blocks=tuple(block for each in actions for block in each.blocks) + tuple(triggers),
        survivors=tuple(_name(at) for at in range(ACTIONS) if _survives(at)),
    )


def flat_files(blocks: Sequence[Block]) -> dict[str, bytes]:
    """Rule files in which every block is a trigger of its own: nothing may skip one, so engines can be compared."""
    files = {
        **frame(),
        "actions/action_0000.yaml": action_file(0, blocks[0]),
        **{
            f"customized/trigger_{at:04d}.yaml": trigger_file(at, block, {"action_0000": "1.5"})
            for at, block in enumerate(blocks)
        },
    }
    return {name: text.encode() for name, text in files.items()}


def reasoned_files(blocks: Sequence[Block]) -> dict[str, bytes]:
    """Rule files in which every block decides on an action of its own, so that each gets a reason code."""
    files = {**frame(), **{f"actions/{_name(at)}.yaml": action_file(at, block) for at, block in enumerate(blocks)}}
    return {name: text.encode() for name, text in files.items()}


# --- what is drawn ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Action:
    eligible: Block
    applicable: Block | None
    unless: Block | None

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for block in (self.eligible, self.applicable, self.unless) if block is not None)


def _name(number: int) -> str:
    return f"action_{number:04d}"


def _survives(number: int) -> bool:
    return number % (ACTIONS // SURVIVORS) == 0


def _draw_action(drawer: BlockDrawer, number: int) -> _Action:
    """Every second action has an applicability block, the others a suitability exclusion; all have eligibility."""
    survives, admits = _survives(number), number % 2 == 0
    fails_early = not survives and number % 3 > 0
    stopped = None if number % 5 == 0 else False
    eligible = drawer.block(wanted=stopped if fails_early else True)
    used = [cell.attribute.name for cell in eligible.cells]
    second = drawer.block(wanted=survives if admits else not survives, never=used)
    return _Action(eligible=eligible, applicable=second if admits else None, unless=None if admits else second)


# --- how it is written -----------------------------------------------------------------------------------------------


def frame() -> dict[str, str]:
    """Everything but actions and triggers."""
    return {
        "bank.yaml": "bank: benchmark\nname: Benchmark\ncurrency: GBP\ntime_zone: Europe/London\nlocale: en-GB\n",
        "catalogue.yaml": _catalogue(),
        "channels.yaml": _channels(),
        "policy/guards.yaml": _GUARDS,
    }


_GUARDS: Final = """\
guards:
  - {guard: marketing_consent, title: No consent, stops: {tiers: [offer]}, when: {consent.marketing: not true}}
  - {guard: minors, title: Minors, stops: {tiers: [offer]}, when: {age: under 18}}
"""
_CONTACT: Final = """\
caps:
  - {cap: offers_weekly, per: customer, count: impressions, limit: 400, in: 7d}
  - {cap: group_monthly, per: group, groups: [group_0, group_1], count: impressions, limit: 400, in: 30d}
  - {cap: atm_daily, per: channel, channels: [atm], count: impressions, limit: 400, each: day}
cooling_off:
  after_decline: {default: 30d, not_now: 14d}
  after_accept: 90d
"""
_ARBITRATION: Final = """\
levers:
  - {lever: season, percent: 10, groups: [group_1]}
exploration: {bound: 0.02}
worth_it: {tiers: [offer]}
"""


def _catalogue() -> str:
    lines = ["attributes:", *(f"  {each.name}: {_declared(each)}" for each in ATTRIBUTES)]
    lines += ["products:", *(f"  product_{at:02d}: {{title: Product {at}}}" for at in range(_PRODUCTS))]
    lines += ["events:", "  branch_visit: {title: Branch visit, source: crm, keep: 400d}"]
    lines += ["context:", "  cash_requested: {title: Cash, type: money}"]
    lines += ["segments: [mass]", "purposes: [marketing]"]
    lines += ["positives: {atm: click, web: click, pc: click, phone: accept, branch: accept}"]
    return "\n".join(lines) + "\n"


def _declared(attribute: Attribute) -> str:
    values = f", values: [{', '.join(attribute.values)}]" if attribute.values else ""
    decimals = ", decimals: 4" if attribute.type == "decimal" else ""
    return f"{{title: {attribute.name}, type: {attribute.type}{decimals}{values}, source: core}}"


def _channels() -> str:
    lines = ["channels:"]
    for channel, placement in PLACEMENTS.items():
        fallback = f"{{id: {channel}_default, headline: Welcome, body: How can we help?}}"
        lines += [
            f"  {channel}:",
            f"    staff: {str(channel in _STAFF).lower()}",
            "    budget_ms: 1000",
            "    moments: {arrived: {initiated_by: customer}}",
            f"    placements: {{{placement}: {{items: 1, valid_for: 10min, fallback: {fallback}}}}}",
        ]
    return "\n".join(lines) + "\n"


def _action_file(number: int, action: _Action) -> str:
    lines = [
        f"action: {_name(number)}",
        f"title: Action {number}",
        "owner: bench@bank.example",
        "version: 1",
        f"group: group_{number % GROUPS}",
        *([f"gives: product_{number:02d}"] if number < _PRODUCTS else []),
        f"value: {20 + number % 90}",
        f"eligible: {{when: {_cells(action.eligible)}}}",
        *([f"applicable: {{when: {_cells(action.applicable)}}}"] if action.applicable else []),
        *([f"suitable: {{unless: [{_cells(action.unless)}]}}"] if action.unless else []),
        "treatments:",
        *(f"  {channel}.{placement}: {_content(number)}" for channel, placement in PLACEMENTS.items()),
    ]
    return "\n".join(lines) + "\n"


def action_file(number: int, eligible: Block) -> str:
    """An action with one block."""
    return _action_file(number, _Action(eligible=eligible, applicable=None, unless=None))


def _content(number: int) -> str:
    body = f"A sentence or two about offer {number}, as long as people read before they look away."
    return f'{{headline: "Offer number {number} for you", body: "{body}", call_to_action: "Tell me more"}}'


def _promoted(number: int) -> dict[str, str]:
    return {_name(at % ACTIONS): weight for at, weight in ((number, "1.2"), (10 * number, "1.5"))}


def trigger_file(number: int, block: Block, promoted: Mapping[str, str]) -> str:
    """A trigger with one block, which promotes some actions."""
    lines = [
        f"trigger: trigger_{number:04d}",
        f"title: Trigger {number}",
        "owner: bench@bank.example",
        "version: 1",
        f"when: {_cells(block)}",
        f"promote: {{{', '.join(f'{action}: {weight}' for action, weight in promoted.items())}}}",
    ]
    return "\n".join(lines) + "\n"


def _cells(block: Block) -> str:
    return f"{{{', '.join(written(block))}}}"


def written(block: Block) -> Iterator[str]:
    """The cells of a block as rule files have them."""
    for cell in block.cells:
        yield f"{cell.attribute.name}: {_condition(cell)}"


def _condition(cell: Cell) -> str:
    if cell.one_of:
        return f"[{', '.join(str(value).lower() for value in cell.one_of)}]"
    if cell.high is None:
        return f'">= {cell.low}"'
    return f'"<= {cell.high}"' if cell.low is None else f"{cell.low}..{cell.high}"
