"""The loop through the engine: every choice is a whole `decide`, under rules that ask only what the world asks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from ruamel.yaml import YAML

from bench.learning.book import BEGAN_S, Book
from bench.learning.bounded import weigh_all
from bench.learning.learner import Make, Model
from bench.learning.loop import BOUND, Loop, Week, play
from bench.learning.world import Frame, world
from engine import Plan, Request, Snapshot, compile_bundle, decide
from engine.contacts import Contact, ContactState
from engine.decision import WHOLE, PlacementRequest
from engine.facts import HOLDS, Consent, Held
from engine.ids import PlacementId
from models.arrays import Codes, Flags, Floats
from models.bank import read_snapshots

_KEY: Final = b"the learning loop"
_KEPT: Final = ("action", "title", "owner", "version", "group", "gives", "tier", "value")
_SHARED: Final = ("bank.yaml", "catalogue.yaml", "channels.yaml")


def plan_of_offers(rules: Path) -> Plan:
    """The offers of rules, shown wherever a request lets them: conditions and caps are the world's."""
    yaml = YAML(typ="safe")
    channels = yaml.load((rules / "channels.yaml").read_bytes())["channels"]
    files = {name: (rules / name).read_bytes() for name in _SHARED}
    files["policy/arbitration.yaml"] = f"exploration: {{bound: {BOUND}}}\n".encode()
    files["policy/guards.yaml"] = (
        b"guards:\n  - {guard: marketing_consent, title: Consent, stops: {tiers: [offer]}, "
        b"when: {consent.marketing: not true}}\n"
    )
    for file in sorted((rules / "actions").glob("*.yaml")):
        told = yaml.load(file.read_bytes())
        if told.get("tier") == "offer":
            files[f"actions/{file.name}"] = _as_yaml(told, channels).encode()
    return compile_bundle(files).plan


def _as_yaml(told: Mapping[str, Any], channels: Mapping[str, Any]) -> str:
    lines = [f"{key}: {told[key]}" for key in _KEPT if key in told]
    return "\n".join([*lines, "treatments:", *(f"  {name}.*: {{headline: Offer}}" for name in channels), ""])


class EngineLoop(Loop):
    """Decides as a server does, and holds every decision against the vectorised one."""

    def __init__(self, book: Book, greeting: Frame, make: Make, seed: int, folder: Path) -> None:
        super().__init__(book, greeting, make, seed)
        self.decisions = 0
        self.widest = 0.0
        """The largest difference between a chance that was drawn from and the vectorised one."""
        plan = book.plan
        names = {f"C{number + 1:07d}": number for number in range(book.customers)}
        snapshots = read_snapshots(folder / "customers.parquet", plan.profile_schema, names)
        self._profiles = dict(zip(snapshots.customer.tolist(), snapshots.profiles, strict=True))
        channels = {str(channel.id): True for channel in plan.channels}
        self._consent = Consent(version=1, allowed_by_purpose={"marketing": channels})
        self._holds = plan.profile_schema.position_by_name[HOLDS]
        values = plan.profile_schema.columns[self._holds].values
        self._bits = [1 << values.index(str(plan.actions[at].gives)) for at in book.offers]
        self._contacts: list[list[Contact]] = [[] for _ in range(book.customers)]
        for number, contact in book.contacts():
            self._contacts[number].append(contact)

    def _choose(self, asked: Frame, priority: Floats, inside: Flags) -> tuple[Floats, Codes]:
        book, chooser = self._book, self._chooser
        assert isinstance(chooser, Model)
        assert chooser.bound is not None
        scorer = chooser.bound.bind(book.plan)
        chance = np.zeros(priority.shape)
        choice = np.empty(len(priority), dtype=np.int64)
        offer_by_action = {action: offer for offer, action in enumerate(book.offers)}
        for slot, request in enumerate(self._requests(asked, inside)):
            decision = decide(
                plan=book.plan,
                request=request,
                snapshot=self._snapshot(int(asked["customer"][slot]), asked["held"][slot]),
                scorer=scorer,
                baseline=scorer,
                now=datetime.fromtimestamp(BEGAN_S + int(asked["at"][slot]), UTC),
                exploration_key=_KEY,
            )
            option = decision.filled[0].options[0]
            choice[slot] = offer_by_action[option.candidate.action]
            assert option.draw is not None
            places = [offer_by_action[action] for action in option.draw.actions]
            chance[slot, places] = np.array(option.draw.weights) / WHOLE
        converts = chooser.bound.blend(book.plan).conversion[:, book.offers][book.channel_of(asked)]
        twin = weigh_all(priority * converts, inside, *self._known(asked), BOUND)
        self.widest = max(self.widest, float(np.abs(chance - twin).max()))
        self.decisions += len(choice)
        return chance, choice

    def _requests(self, asked: Frame, inside: Flags) -> Sequence[Request]:
        plan, book = self._book.plan, self._book
        made = []
        for slot, channel_code in enumerate(book.channel_of(asked).tolist()):
            channel = plan.channels[channel_code]
            place = PlacementId(book.places[int(asked["placement"][slot])].partition(".")[2])
            made.append(
                Request(
                    customer=f"C{int(asked['customer'][slot]) + 1:07d}",
                    channel=channel,
                    moment=None,
                    bank_initiated=False,
                    placements=(PlacementRequest(placement=channel.placements[place], count=1),),
                    context={},
                    locale="en-GB",
                    only=frozenset(book.offers[offer] for offer in np.flatnonzero(inside[slot]).tolist()),
                )
            )
        return made

    def _snapshot(self, customer: int, held: Flags) -> Snapshot:
        profile: list[Held] = list(self._profiles[customer])
        profile[self._holds] = sum({bit for bit, holding in zip(self._bits, held.tolist(), strict=True) if holding})
        contacts = self._contacts[customer]
        return Snapshot(
            known=True,
            profile=profile,
            events=self._book.plan.event_layout.empty(0),
            contacts=contacts,
            consent=self._consent,
            outcome_count=len(contacts),
        )

    def end_day(self, heard: Frame) -> None:
        """Take the answers and the truth of the day before, and remember who was shown what."""
        if self._last is not None:
            asked, choice = self._last[:2]
            for slot in np.flatnonzero(heard["news.seen"]).tolist():
                state = ContactState.DECLINED if heard["news.declined"][slot] else ContactState.SHOWN
                action = self._book.plan.actions[self._book.offers[int(choice[slot])]]
                channel = int(self._book.channel_of(asked)[slot])
                self._contacts[int(asked["customer"][slot])].append(
                    Contact(BEGAN_S + int(asked["at"][slot]), action.hash, 0, channel, state, 0, 0)
                )
        super().end_day(heard)


def live_through_engine(
    rules: Path, folder: Path, *, seed: int, customers: int, weeks: int
) -> tuple[Sequence[Week], dict[str, float]]:
    """Live through one world by whole decisions: its weeks, and how far decisions were from the vectorised ones."""
    with world(rules, folder, seed=seed, customers=customers, weeks=weeks) as opened:
        book = Book(plan_of_offers(rules), folder, opened.greeting, customers)
        loop = EngineLoop(book, opened.greeting, Model, seed, folder)
        play(loop, opened)
        return loop.weeks, {"decisions": loop.decisions, "widest_difference": loop.widest}
