"""Caps, cooling-off and quiet hours, counted contact by contact from the text of `contact.yaml` and of the actions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from tests.reference.conditions import listed
from tests.reference.facts import tree_of
from tests.reference.natural import Length, Person, Question, Touch, Tree, instant_away

STATES = ("pending", "shown", "clicked", "later", "declined", "accepted", "converted")
NEW = "a session of its own"


@dataclass(frozen=True, kw_only=True)
class Cap:
    """At most `limit` contacts of some actions since an instant."""

    limit: int
    accepts: bool
    since: datetime
    actions: frozenset[str]
    channels: frozenset[str] | None


class ContactRules:
    """The contact policy for one customer and question."""

    def __init__(
        self,
        documents: Mapping[str, Tree],
        actions: Mapping[str, dict[str, Tree]],
        journeys: Mapping[str, list[str]],
        person: Person,
        question: Question,
        zone: ZoneInfo,
    ) -> None:
        self.policy = tree_of(documents.get("policy/contact.yaml"))
        self.channels = tree_of(documents["channels.yaml"], "channels")
        self.actions = actions
        self.journeys = journeys
        self.person = person
        self.question = question
        self.zone = zone

    def verdict(self, action: str, tier: str) -> str | None:
        """Why an action must rest, None where it need not."""
        if tier != "must" and (self._answered(action) or self._ignored(action)):
            return "cooling_off"
        if not self.leaves_room(action, []):
            return "capped"
        if not self.affords(action, []):
            return "budget_spent"
        return "quiet_hours" if tier != "must" and self._quiet() else None

    def leaves_room(self, action: str, used: list[str]) -> bool:
        """Whether every cap admits one more contact after those used now; a contact of this session costs none."""
        if action in self.in_session:
            return True
        for cap in self._caps:
            if action in cap.actions and (cap.channels is None or self.question.channel in cap.channels):
                new = [each for each in used if each in cap.actions and each not in self.in_session]
                if self._count(cap) + (0 if cap.accepts else len(new)) >= cap.limit:
                    return False
        return True

    # --- budgets -----------------------------------------------------------------------------------------------------

    def affords(self, action: str, used: list[str]) -> bool:
        """Whether every budget carries one more offer after those used now."""
        for budget in (tree_of(each) for each in listed(self.policy.get("budgets"))):
            left = self.question.budgets.get(str(budget["budget"]))
            if left is not None and action in listed(budget["actions"]) and not self._covered(budget, action):
                taken = [each for each in used if each in listed(budget["actions"]) and not self._covered(budget, each)]
                if left <= len(taken):
                    return False
        return True

    def _covered(self, budget: dict[str, Tree], action: str) -> bool:
        """Whether this session holds a unit: a reservation, an impression, or for a day what may be accepted."""
        for each in self.contacts:
            if each.action == action and each.session == self.session:
                lasting = each.state == "pending" or budget["count"] == "impressions"
                return lasting or self.question.now <= each.at + timedelta(days=1)
        return False

    # --- contacts ----------------------------------------------------------------------------------------------------

    @cached_property
    def contacts(self) -> list[Touch]:
        """One contact per action and session, the furthest; reservations that lapsed do not count."""
        now = self.question.now
        found: dict[tuple[str, str], Touch] = {}
        for touch in self.person.touches:
            if touch.state == "pending" and now >= touch.at + timedelta(minutes=touch.minutes):
                continue
            other = found.get((touch.action, touch.session))
            if other is None or STATES.index(touch.state) >= STATES.index(other.state):
                found[touch.action, touch.session] = touch
        return sorted(found.values(), key=lambda each: each.at)

    @cached_property
    def session(self) -> str:
        """The session asked for, or the one that this channel saw in the last 30 minutes."""
        if self.question.session is not None:
            return self.question.session
        recent = [
            each.session
            for each in self.contacts
            if each.channel == self.question.channel and each.at > self.question.now - timedelta(minutes=30)
        ]
        return recent[-1] if recent else NEW

    @cached_property
    def in_session(self) -> set[str]:
        """The actions that this session has seen."""
        return {each.action for each in self.contacts if each.session == self.session}

    # --- caps --------------------------------------------------------------------------------------------------------

    def _count(self, cap: Cap) -> int:
        return sum(
            each.action in cap.actions
            and each.at >= cap.since
            and (cap.channels is None or each.channel in cap.channels)
            and (not cap.accepts or each.state in ("accepted", "converted"))
            for each in self.contacts
        )

    @cached_property
    def _caps(self) -> list[Cap]:
        found = [cap for each in listed(self.policy.get("caps")) for cap in self._caps_of(tree_of(each))]
        for action, file in self.actions.items():
            short = tree_of(file, "contact").get("per_customer")
            if short is not None:
                limit, _, length = str(short).partition(" per ")
                found.append(
                    Cap(
                        limit=int(limit),
                        accepts=False,
                        since=self._back(length),
                        actions=frozenset({action}),
                        channels=None,
                    )
                )
        return found

    def _caps_of(self, cap: dict[str, Tree]) -> Iterator[Cap]:
        tiers = [str(each) for each in listed(cap.get("tiers"))] or ["offer"]
        groups, themes, channels = (
            [str(each) for each in listed(cap.get(key))] for key in ("groups", "themes", "channels")
        )
        of_tier = {action for action, file in self.actions.items() if file.get("tier", "offer") in tiers}
        everywhere = frozenset(channels) or None
        scopes: list[tuple[set[str], frozenset[str] | None]]
        match cap.get("per", "customer"):
            case "customer":
                scopes = [(of_tier, everywhere)]
            case "group":
                every_group = {str(file["group"]) for file in self.actions.values()}
                members = [
                    {action for action, file in self.actions.items() if file["group"] == group}
                    for group in groups or sorted(every_group)
                ]
                scopes = [(each, everywhere) for each in members]
            case "theme":
                scopes = [(set(self.journeys[theme]), everywhere) for theme in themes or sorted(self.journeys)]
            case _:
                scopes = [(of_tier, frozenset({channel})) for channel in channels or self.channels]
        for actions, places in scopes:
            yield Cap(
                limit=int(str(cap["limit"])),
                accepts=cap.get("count") == "accepts",
                since=self._back(str(cap["in"])) if "in" in cap else self._start_of(str(cap["each"])),
                actions=frozenset(actions & of_tier),
                channels=places,
            )

    def _back(self, length: str) -> datetime:
        return instant_away(self.question.now, -1, Length.read(length), self.zone)

    def _start_of(self, period: str) -> datetime:
        day = self.question.now.astimezone(self.zone).date()
        if period == "week":
            day -= timedelta(days=day.weekday())
        if period == "month":
            day = day.replace(day=1)
        return datetime.combine(day, time(), self.zone)

    # --- rests -------------------------------------------------------------------------------------------------------

    def _answered(self, action: str) -> bool:
        return any(
            each.action == action and each.at + self._rest(action, each) > self.question.now for each in self.contacts
        )

    def _rest(self, action: str, touch: Touch) -> timedelta:
        """How long an action rests after this answer."""
        cooling, own = tree_of(self.policy, "cooling_off"), tree_of(self.actions[action], "contact")
        match touch.state:
            case "declined":
                return self._after_decline(cooling, own, touch.reason)
            case "later":
                return self._after_decline(cooling, own, "not_now")
            case "accepted" | "converted":
                return length_of(own.get("after_accept", cooling.get("after_accept")))
            case _:
                return timedelta()

    def _after_decline(self, cooling: dict[str, Tree], own: dict[str, Tree], reason: str) -> timedelta:
        """The action's own rest, else the bank's; `never` is never shortened unless the action names it."""
        bank = tree_of(cooling, "after_decline")
        usual = length_of(bank.get(reason, bank.get("default")))
        said = own.get("after_decline")
        if said is None:
            return usual
        if isinstance(said, dict) and reason in said:
            return length_of(said[reason])
        general = said.get("default") if isinstance(said, dict) else said
        if general is None:
            return usual
        return max(usual, length_of(general)) if reason == "never" else length_of(general)

    def _ignored(self, action: str) -> bool:
        """So many impressions without an answer, close enough together, and the last of them not long ago."""
        rule = tree_of(self.policy, "cooling_off", "after_ignored")
        if not rule:
            return False
        many = int(str(rule["impressions"]))
        seen = [each.at for each in self.contacts if each.action == action and each.state == "shown"]
        for last in range(many - 1, len(seen)):
            close = seen[last] - seen[last - many + 1] <= length_of(rule["in"])
            if close and seen[last] + length_of(rule["for"]) > self.question.now:
                return True
        return False

    def _quiet(self) -> bool:
        hours = tree_of(self.policy, "quiet_hours")
        moments = tree_of(self.channels, self.question.channel, "moments")
        by_bank = tree_of(moments.get(self.question.moment or "")).get("initiated_by") == "bank"
        if not hours or not by_bank or self.question.channel not in listed(hours["channels"]):
            return False
        start, end = (time.fromisoformat(str(hours[key])) for key in ("from", "to"))
        now = self.question.now.astimezone(self.zone).time()
        return start <= now < end if start <= end else now >= start or now < end


def length_of(text: Tree) -> timedelta:
    """A rest in whole days or hours."""
    if text is None:
        return timedelta()
    length = Length.read(str(text))
    return timedelta(**{{"d": "days", "h": "hours", "min": "minutes"}[length.unit]: length.amount})
