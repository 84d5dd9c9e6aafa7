"""Decides slowly and obviously, from the words of SEMANTICS section 3 and the text of the rule files.

It knows nothing of the engine: rules are trees of text, actions are names, and every stage looks at everything again.
Where SEMANTICS leaves an order open, the engine's own words decide: an answer rests an action before a cap stops it,
a cap before quiet hours; a `must` message is neither rested nor kept quiet.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

from tests.reference.conditions import (
    NUMBERS,
    Judged,
    Scene,
    Truth,
    admitting,
    all_of,
    any_of,
    block,
    cause,
    listed,
    often_enough,
)
from tests.reference.contacts import ContactRules
from tests.reference.facts import RowOfFacts, tree_of
from tests.reference.formula import priority
from tests.reference.natural import Length, Path, Person, Question, Tree, instant_away

TIERS = ("must", "service", "offer")
STAGES = ("eligible", "applicable", "suitable")
PASSED_OVER = {"outside_validity", "guard", "suppressed", "not_eligible", "not_applicable", "not_suitable"}
RESTING = {"cooling_off", "capped", "budget_spent", "quiet_hours"}


@dataclass(kw_only=True)
class Answer:
    """What was decided."""

    shown: dict[str, list[tuple[str, str]]]
    """In each placement the actions with their treatments."""
    reasons: dict[str, str]
    weights: dict[str, Fraction]
    themes: dict[str, str]
    """For each candidate of a theme the strongest one."""
    ranking: list[str]
    priorities: dict[str, Fraction]
    """Of what is ranked, in minor units."""
    steps: dict[str, str | None]
    values: dict[str, Fraction]
    """Of each candidate, in minor units."""
    terms: dict[str, dict[str, Fraction]]
    arms: dict[str, str]
    ghosts: dict[str, list[str]]
    """What would have been shown if nothing had been held out, where that concerns something ranked."""
    because: dict[str, list["Told"]]
    """Why each action is not shown, as far as rules and their cells decided it."""
    speaking: dict[str, list[str]]
    """For each candidate the rules that speak for it, and the experiments that it is in."""


@dataclass(frozen=True)
class Told:
    """A reason: its code, the rule, the part of its file that decided, and whether that part was unknown."""

    code: str
    rule: str
    place: tuple[str, Path] | None = None
    unknown: bool = False


@dataclass(frozen=True)
class File:
    """A rule file."""

    path: str
    tree: dict[str, Tree]


def files_of(kind: str, documents: Mapping[str, Tree]) -> list[File]:
    """All rule files of one kind, in file order."""
    folder = {"action": "actions", "theme": "thematic", "trigger": "customized"}[kind]
    return [File(path, tree_of(documents[path])) for path in sorted(documents) if path.startswith(f"{folder}/")]


def decide(documents: Mapping[str, Tree], person: Person, question: Question, key: bytes) -> Answer:
    """The decision."""
    return Evaluator(documents, person, question, key).answer()


class Evaluator:
    """One decision; properties are worked out when they are first asked for."""

    def __init__(self, documents: Mapping[str, Tree], person: Person, question: Question, key: bytes) -> None:
        self.documents = documents
        self.person = person
        self.question = question
        self.zone = ZoneInfo(str(tree_of(documents["bank.yaml"])["time_zone"]))
        self.today = question.now.astimezone(self.zone).date()
        self.key = key
        self.action_files = files_of("action", documents)
        self.theme_files = files_of("theme", documents)
        self.triggers = files_of("trigger", documents)
        self.actions = {str(file.tree["action"]): self._of_today(file, "action").tree for file in self.action_files}
        self.guards = [tree_of(each) for each in listed(self._document("policy/guards.yaml").get("guards"))]
        self.channel = tree_of(documents["channels.yaml"], "channels", question.channel)
        self.reasons: dict[str, str] = {}
        self.because: dict[str, list[Told]] = {}
        self.journeys = self._journeys()
        self.contact = ContactRules(documents, self.actions, self.journeys, person, question, self.zone)

    def _of_today(self, file: File, kind: str) -> File:
        """Of the files of one id the one that counts today, else the first."""
        files = self.action_files if kind == "action" else self.theme_files
        same = [each for each in files if each.tree[kind] == file.tree[kind]]
        return next((each for each in same if self.valid(each.tree)), same[0])

    def _journeys(self) -> dict[str, list[str]]:
        """The steps of each theme, those of all its files together."""
        found: dict[str, list[str]] = {}
        for file in self.theme_files:
            steps = found.setdefault(str(file.tree["theme"]), [])
            steps += [str(step) for step in listed(file.tree["journey"]) if str(step) not in steps]
        return found

    def _document(self, path: str) -> dict[str, Tree]:
        return tree_of(self.documents.get(path))

    # --- the scene ---------------------------------------------------------------------------------------------------

    def scene(
        self, *, guarding: bool = False, needs: Mapping[str, bool] | None = None, placement: str | None = None
    ) -> Scene:
        """What conditions see; `placement` is for treatments."""
        person, question = self.person, self.question
        facts = RowOfFacts(
            catalogue=self.documents["catalogue.yaml"],
            guard_defaults=self._document("policy/guards.yaml").get("defaults"),
            person=person,
            question=question,
            today=self.today,
            hour=question.now.astimezone(self.zone).hour,
            needs=self.needs if needs is None else needs,
            guarding=guarding,
            placement=placement,
        )
        events = tree_of(self.documents["catalogue.yaml"], "events")
        since = person.facts.get("customer.since")
        return Scene(
            facts=facts,
            now=question.now,
            zone=self.zone,
            events=person.events,
            kept_since=person.kept_since,
            kept_later=person.kept_later,
            first_day=since if isinstance(since, date) else None,
            fields={
                name: {field: str(tree_of(spec)["type"]) for field, spec in tree_of(event, "fields").items()}
                for name, event in events.items()
            },
        )

    @cached_property
    def needs(self) -> dict[str, bool]:
        """Every need: its block holds now, or it held last within `lasts`; false when not inferred."""
        parts: dict[str, list[dict[str, Tree]]] = {}
        for theme in self.theme_files:
            for need in listed(theme.tree.get("needs")):
                parts.setdefault(f"needs.{tree_of(need)['need']}", []).append(tree_of(need))
        found = dict.fromkeys(parts, False)
        for _ in parts:  # a need reads others: as many rounds as there are needs settle every chain
            found = {name: any(self._needed(name, part, found) for part in each) for name, each in parts.items()}
        return found

    def _needed(self, name: str, need: dict[str, Tree], needs: Mapping[str, bool]) -> bool:
        if admitting(need, self.scene(needs=needs)).truth is True:
            return True
        held = self.person.last_held.get(name)
        if held is None or "lasts" not in need:
            return False
        return held >= instant_away(self.question.now, -1, Length.read(str(need["lasts"])), self.zone)

    def valid(self, rule: dict[str, Tree]) -> bool:
        """Whether a rule counts today."""
        window = tree_of(rule, "valid")
        first, last = (date.fromisoformat(str(window[key])) if key in window else None for key in ("from", "to"))
        return (first is None or first <= self.today) and (last is None or self.today <= last)

    # --- the stages --------------------------------------------------------------------------------------------------

    def answer(self) -> Answer:
        """Stage by stage; the first that fails an action gives its reason."""
        profiling = self._guard()
        self._suppress()
        self._engage()
        for action in self.actions:
            self._stop(action, self.contact.verdict(action, self._tier(action)))
        for action in self.actions:
            if action in self.question.exclude or not (self.question.only is None or action in self.question.only):
                self._stop(action, "excluded_by_request")
        for action in self.actions:
            if not any(self.treatment(action, place) for place, _ in self.question.placements):
                self._stop(action, "no_treatment")
        active = self._active_themes() if profiling else {}
        steps = {name: self._step(theme) for name, theme in active.items()}
        weights, themes = self._weigh(active, steps, profiling)
        values = {action: self._value(action) * 100 for action in weights}
        speaking = {action: self._speaking(action, themes) for action in weights}
        propensities = self.question.propensities if profiling else self.question.baseline
        priorities = self._priorities(weights, propensities, profiling)
        ranking = sorted(priorities, key=lambda action: (TIERS.index(self._tier(action)), -priorities[action], action))
        shown, ghosts = self._fill(ranking), {}
        for action in ranking:
            held_out = any(self._held_out(action, place) for place, _ in self.question.placements)
            self.reasons[action] = "holdout" if held_out else "outranked"
        if "holdout" in self.reasons.values():
            ghosts = {place: [each for each, _ in options] for place, options in self._fill(ranking, True).items()}
        for options in shown.values():
            for action, _ in options:
                self.reasons[action] = "chosen"
        return Answer(
            shown=shown,
            reasons=self.reasons,
            weights=weights,
            themes=themes,
            ranking=ranking,
            priorities=priorities,
            steps=steps,
            values=values,
            terms={action: self._terms(action) for options in shown.values() for action, _ in options},
            arms=self.arms,
            ghosts=ghosts,
            because=self.because,
            speaking=speaking,
        )

    def _stop(self, action: str, reason: str | None, told: Told | None = None) -> None:
        if reason is None:
            return
        if self.reasons.setdefault(action, reason) == reason and told is not None:
            self.because.setdefault(action, []).append(told)

    def _told(self, code: str, rule: str, path: str, judged: Judged) -> Told | None:
        """The reason that a condition which is not true gives."""
        found = cause(judged)
        return None if found is None else Told(code, rule, (path, found.path), found.truth is None)

    def _open(self) -> list[str]:
        return [action for action in self.actions if action not in self.reasons]

    def _tier(self, action: str) -> str:
        return str(self.actions[action].get("tier", "offer"))

    def _group(self, action: str) -> str:
        return str(self.actions[action]["group"])

    def guarded(self) -> frozenset[str]:
        """The actions that guards stop."""
        self._guard()
        return frozenset(action for action, reason in self.reasons.items() if reason == "guard")

    def _guard(self) -> bool:
        """A guard stops unless its condition is false; returns whether profiling is allowed."""
        profiling = True
        for guard in self.guards:
            truth = admitting(guard, self.scene(guarding=True)).truth
            if self.valid(guard) and truth is not False:
                profiling &= guard.get("effect") != "no_profiling"
                told = Told("guard", f"guard/{guard['guard']}", unknown=truth is None)
                for action in self.actions:
                    if "stops" in guard and self._stopped_by(guard["stops"], action):
                        self._stop(action, "guard", told)
        return profiling

    def _stopped_by(self, stops: Tree, action: str) -> bool:
        stops = tree_of(stops)
        tiers = [str(each) for each in listed(stops.get("tiers"))]
        return stops.get("all") == "true" or self._tier(action) in tiers or self._names(stops, action)

    def _names(self, form: dict[str, Tree], action: str) -> bool:
        return action in listed(form.get("actions")) or self._group(action) in listed(form.get("groups"))

    def _suppress(self) -> None:
        """A suppression binds unless the trigger is false, or its last event lies further back than `for`."""
        for file in self.triggers:
            trigger = file.tree
            suppress = tree_of(trigger, "suppress")
            if not suppress or not self.valid(trigger) or not self._meant_now(trigger, unknown=True):
                continue
            recent = any_of(self._recent(each, str(suppress["for"])) for each in positive_history(trigger))
            if all_of([admitting(trigger, self.scene()).truth, recent]) is not False:
                for action in self.actions:
                    if self._names(suppress, action):
                        self._stop(action, "suppressed", Told("suppressed", f"trigger/{trigger['trigger']}"))

    def _recent(self, item: dict[str, Tree], length: str) -> Truth:
        kind = next(key for key in ("seen", "ever", "last") if key in item)
        start = instant_away(self.question.now, -1, Length.read(length), self.zone)
        once = {key: value for key, value in item.items() if key != "at_least"}
        return often_enough(once, kind, start, self.scene())

    def _meant_now(self, trigger: dict[str, Tree], *, unknown: bool) -> bool:
        """Whether a trigger is for this moment; no `on` means every moment."""
        if "on" not in trigger:
            return True
        if self.question.moment is None:
            return unknown
        return self.question.moment in listed(tree_of(trigger, "on").get("moment"))

    def _engage(self) -> None:
        for name in self.actions:
            file = next(each for each in self.action_files if each.tree is self.actions[name])
            if not self.valid(file.tree):
                self._stop(name, "outside_validity")
                continue
            for stage in STAGES:
                if stage not in file.tree:
                    continue
                judged = admitting(file.tree[stage], self.scene(), (stage,))
                if judged.truth is not True:
                    code = f"not_{stage}"
                    self._stop(name, code, self._told(code, f"action/{name}", file.path, judged))

    # --- experiments -------------------------------------------------------------------------------------------------

    @cached_property
    def arms(self) -> dict[str, str]:
        """The customer's arm in each experiment that runs today at a placement asked for."""
        found = {}
        for each in listed(self._document("policy/experiments.yaml").get("experiments")):
            experiment = tree_of(each)
            everywhere = experiment["of"] in ("all_offers", "arbitration")
            covered = any(self._covers(experiment, place) for place, _ in self.question.placements)
            if self.valid(experiment) and (everywhere or covered):
                found[str(experiment["experiment"])] = self._arm(experiment)
        return found

    def _covers(self, experiment: dict[str, Tree], place: str) -> bool:
        channel, _, where = str(experiment["of"]).partition("@")[2].partition(".")
        return channel == self.question.channel and where in ("*", place)

    def _arm(self, experiment: dict[str, Tree]) -> str:
        """32 bits of a keyed hash say where among the arms, laid end to end, a customer falls."""
        message = f"{experiment['experiment']}|{self.question.customer}".encode()
        drawn = int.from_bytes(hashlib.blake2b(message, digest_size=4, key=self.key, person=b"arms").digest(), "big")
        end = Fraction(0)
        for arm, share in tree_of(experiment["arms"]).items():
            end += Fraction(str(share).removesuffix("%")) / 100
            if drawn < int(end * 2**32):
                return arm
        raise AssertionError("the shares are 100% together")

    def _arm_at(self, action: str, place: str) -> str | None:
        """The customer's arm where an action would show; None where no experiment runs."""
        for each in listed(self._document("policy/experiments.yaml").get("experiments")):
            experiment = tree_of(each)
            of = str(experiment["of"]).partition("@")[0]
            if of == action and self._covers(experiment, place) and self.valid(experiment):
                return self._arm(experiment)
        return None

    def _arm_everywhere(self, subject: str) -> str | None:
        """The customer's arm in the experiment on all offers, or on arbitration."""
        for each in listed(self._document("policy/experiments.yaml").get("experiments")):
            if tree_of(each)["of"] == subject and self.valid(tree_of(each)):
                return self._arm(tree_of(each))
        return None

    def _way(self, action: str) -> str:
        """How an action is chosen among others: experiments concern offers alone."""
        return (self._tier(action) == "offer" and self._arm_everywhere("arbitration")) or "as_is"

    def _kept_back(self, action: str, place: str) -> bool:
        """Whether an experiment keeps the customer from seeing an action."""
        every_offer = self._tier(action) == "offer" and self._arm_everywhere("all_offers") == "holdout"
        return every_offer or self._arm_at(action, place) == "holdout"

    def _held_out(self, action: str, place: str) -> bool:
        """Whether an action that could show is kept back."""
        return self._kept_back(action, place) and self.treatment(action, place) is not None

    # --- treatments --------------------------------------------------------------------------------------------------

    def treatment(self, action: str, place: str) -> str | None:
        """The id of the first treatment in file order that fits at a placement."""
        accepts = tree_of(self.channel, "placements", place).get("accepts")
        if accepts is not None and self._group(action) not in listed(tree_of(accepts).get("groups")):
            return None
        for key, written in tree_of(self.actions[action], "treatments").items():
            channel, _, where = key.partition(".")
            if channel != self.question.channel or where not in ("*", place):
                continue
            variants = written if isinstance(written, list) else [written]
            for number, variant in enumerate(variants, start=1):
                if self._fits(tree_of(variant), action, place):
                    suffix = f"/{tree_of(variant).get('id', number)}" if len(variants) > 1 else ""
                    return f"{action}/{key}{suffix}"
        return None

    def _fits(self, variant: dict[str, Tree], action: str, place: str) -> bool:
        scene = self.scene(placement=place)
        return (
            self.valid(variant)
            and self.valid(self.actions[action])
            and variant.get("locale", self.question.locale) == self.question.locale
            and ("arm" not in variant or self._arm_at(action, place) in (variant["arm"], "holdout"))
            and ("when" not in variant or block(variant["when"], scene).truth is True)
            and all(scene.facts.value(name) is not None for name in placeholders(variant))
        )

    # --- relevance ---------------------------------------------------------------------------------------------------

    def _active_themes(self) -> dict[str, dict[str, Tree]]:
        return {
            str(file.tree["theme"]): file.tree
            for file in self.theme_files
            if self.valid(file.tree) and block(file.tree["active"], self.scene()).truth is True
        }

    def _step(self, theme: dict[str, Tree]) -> str | None:
        """The first step that is not done; blocked by guard or engagement: skip; by contact policy: as it says."""
        for each in listed(theme["journey"]):
            step = str(each)
            if self._done(step, theme):
                continue
            reason = self.reasons.get(step)
            if reason in PASSED_OVER or (reason in RESTING and theme.get("if_capped") == "skip"):
                continue
            return step
        return None

    def _done(self, step: str, theme: dict[str, Tree]) -> bool:
        held = self.person.facts.get("holds")
        if isinstance(held, frozenset) and self.actions[step].get("gives") in held:
            return True
        if "accept_counts" not in theme:
            return False
        since = instant_away(self.question.now, -1, Length.read(str(theme["accept_counts"])), self.zone)
        accepted = (each for each in self.person.touches if each.state in ("accepted", "converted"))
        return any(each.action == step and each.at >= since for each in accepted)

    def _weigh(
        self, active: Mapping[str, dict[str, Tree]], steps: Mapping[str, str | None], profiling: bool
    ) -> tuple[dict[str, Fraction], dict[str, str]]:
        """Context weights of what is left, and the theme of each."""
        weights, themes = {}, {}
        self.promoting: dict[str, list[str]] = {}
        for action in self._open():
            promotions = list(self._promotions(action)) if profiling else []
            if self._way(action) == "engagement_only":
                weights[action] = Fraction(1)
                continue
            serving = sorted(
                (-Fraction(str(active[theme].get("weight", "1"))), theme)
                for theme, step in steps.items()
                if step == action
            )
            if self.actions[action].get("show") == "only_when_promoted" and not promotions and not serving:
                self._no_reason(action, profiling)
                continue
            if any(self._too_early(action, active[theme], step) for theme, step in steps.items()):
                self._stop(action, "journey_not_reached")
                continue
            weight = max([each for each in promotions if each > 1], default=Fraction(1))
            weight *= min([each for each in promotions if each < 1], default=Fraction(1))
            if serving:
                weight *= -serving[0][0]
                themes[action] = serving[0][1]
            weights[action] = min(max(weight, Fraction(1, 5)), Fraction(5))
        return weights, themes

    def _promotions(self, action: str) -> Iterator[Fraction]:
        for file in self.triggers:
            trigger = file.tree
            promote = tree_of(trigger, "promote")
            if action not in promote or not self.valid(trigger) or not self._meant_now(trigger, unknown=False):
                continue
            if admitting(trigger, self.scene()).truth is True:
                self.promoting.setdefault(action, []).append(f"trigger/{trigger['trigger']}")
                yield Fraction(str(promote[action]))

    def _no_reason(self, action: str, profiling: bool) -> None:
        """Nothing speaks for an action now: what every trigger and theme that could lacks, in file order."""
        self._stop(action, "no_reason_now")
        for guard in self.guards if not profiling else ():
            binds = self.valid(guard) and admitting(guard, self.scene(guarding=True)).truth is not False
            if guard.get("effect") == "no_profiling" and binds:
                self._stop(action, "no_reason_now", Told("no_profiling", f"guard/{guard['guard']}"))
        for file in self.triggers if profiling else ():
            trigger, rule = file.tree, f"trigger/{file.tree['trigger']}"
            if action in tree_of(trigger, "promote"):
                self._stop(action, "no_reason_now", self._lacking(rule, file, admitting(trigger, self.scene())))
        for file in self.theme_files if profiling else ():
            theme, rule = file.tree, f"theme/{file.tree['theme']}"
            if action in listed(theme["journey"]):
                judged = block(theme["active"], self.scene(), ("active",))
                told = self._lacking(rule, file, judged) or Told("journey_not_reached", rule)
                self._stop(action, "no_reason_now", told)

    def _lacking(self, rule: str, file: File, judged: Judged) -> Told | None:
        if not self.valid(file.tree):
            return Told("outside_validity", rule)
        if not self._meant_now(file.tree, unknown=False):
            return Told("not_for_this_moment", rule)
        return None if judged.truth else self._told("no_reason_now", rule, file.path, judged)

    def _speaking(self, action: str, themes: Mapping[str, str]) -> list[str]:
        """The theme, triggers, levers and experiments of a candidate."""
        found = [f"theme/{themes[action]}"] if action in themes else []
        found += self.promoting.get(action, []) if self._way(action) != "engagement_only" else []
        for each in listed(self._document("policy/arbitration.yaml").get("levers")):
            pulled = self._way(action) not in ("engagement_only", "no_levers") and self._pulls(tree_of(each), action)
            if pulled and self.valid(tree_of(each)):
                found.append(f"lever/{tree_of(each)['lever']}")
        for each in listed(self._document("policy/experiments.yaml").get("experiments")):
            experiment = tree_of(each)
            on_offers = experiment["of"] in ("all_offers", "arbitration") and self._tier(action) == "offer"
            on_this = on_offers or str(experiment["of"]).partition("@")[0] == action
            if on_this and experiment["experiment"] in self.arms:
                found.append(f"experiment/{experiment['experiment']}")
        return found

    def _too_early(self, action: str, theme: dict[str, Tree], step: str | None) -> bool:
        """`strict` rejects the steps after the current one."""
        journey = [str(each) for each in listed(theme["journey"])]
        if theme.get("strict") != "true" or step is None or action not in journey:
            return False
        return journey.index(action) > journey.index(step)

    # --- arbitration -------------------------------------------------------------------------------------------------

    def _priorities(
        self, weights: Mapping[str, Fraction], propensities: Mapping[str, Fraction], profiling: bool
    ) -> dict[str, Fraction]:
        """The priority in minor units of each action that is worth the contact."""
        moments = tree_of(self.channel, "moments")
        by_bank = tree_of(moments.get(self.question.moment or "")).get("initiated_by") == "bank"
        cost = Fraction(str(self.channel.get("cost", "0"))) if by_bank else Fraction(0)
        arbitration = self._document("policy/arbitration.yaml")
        worth_it = listed(tree_of(arbitration, "worth_it").get("tiers")) or ["offer"]
        formula = str(arbitration["ranking"]) if "ranking" in arbitration and profiling else None
        found = {}
        for action, weight in weights.items():
            expected, way = propensities[action] * self._value(action), self._way(action)
            if self._tier(action) in worth_it and way != "engagement_only" and not expected - cost > 0:
                self._stop(action, "not_worth_contact")
                continue
            propensity = Fraction(1) if way == "no_propensity" else propensities[action]
            if formula is None:
                found[action] = propensity * self._value(action) * weight * self._lever(action) * 100
            else:
                found[action] = self._by_formula(formula, action, propensity, weight)
        return found

    def _by_formula(self, text: str, action: str, propensity: Fraction, weight: Fraction) -> Fraction:
        """The priority by the bank's own formula, which knows the factors of the offer and the customer's numbers."""
        factors = {
            "propensity": float(propensity),
            "value": float(self._value(action) * 100) / 100,
            "context_weight": float(weight),
            "lever": float(self._lever(action)),
        }
        facts = self.scene().facts

        def known(name: str) -> float | None:
            if name in factors:
                return factors[name]
            value = facts.value(name)
            assert facts.kind(name) in NUMBERS
            assert value is None or isinstance(value, int | Decimal)
            return None if value is None else float(value)

        return Fraction(priority(text, known) * 100)

    def _value(self, action: str) -> Fraction:
        """Expected margin in major units; unknown counts as nothing."""
        return max(Fraction(0), self._first_row(self.actions[action].get("value", "0")) or Fraction(0))

    def _terms(self, action: str) -> dict[str, Fraction]:
        """The terms that are known."""
        terms = {name: self._first_row(written) for name, written in tree_of(self.actions[action], "terms").items()}
        return {name: amount for name, amount in terms.items() if amount is not None}

    def _first_row(self, written: Tree) -> Fraction | None:
        """The amount of the first row whose condition is true."""
        rows: list[Tree] = listed(written["table"]) if isinstance(written, dict) else [{"then": written}]
        for each in rows:
            row = tree_of(each)
            if "when" not in row or block(row["when"], self.scene()).truth is True:
                return self._amount(str(row["then"]))
        raise AssertionError("the last row of a table is unconditional")

    def _amount(self, text: str) -> Fraction | None:
        match = re.fullmatch(r"(-)?(?:([\d_.]+) \* )?([a-z][\w.]*)(?: ([+-]) ([\d_.]+))?", text)
        if match is None:
            return Fraction(text.replace("_", ""))
        fact = self.scene().facts.value(match[3])
        if fact is None:
            return None
        assert self.scene().facts.kind(match[3]) in NUMBERS
        assert isinstance(fact, int | Decimal)
        factor = Fraction(match[2] or "1") * (-1 if match[1] else 1)
        return factor * Fraction(fact) + Fraction(match[5] or "0") * (-1 if match[4] == "-" else 1)

    def _lever(self, action: str) -> Fraction:
        """1 + the sum of the percentages, clamped to 0.5..2."""
        percent = Fraction(0)
        if self._way(action) in ("no_levers", "engagement_only"):
            return Fraction(1)
        for each in listed(self._document("policy/arbitration.yaml").get("levers")):
            lever = tree_of(each)
            if self.valid(lever) and self._pulls(lever, action):
                percent += Fraction(str(lever["percent"]))
        return min(max(1 + percent / 100, Fraction(1, 2)), Fraction(2))

    def _pulls(self, lever: dict[str, Tree], action: str) -> bool:
        channels = listed(lever.get("channels"))
        if channels and self.question.channel not in channels:
            return False
        if not any(key in lever for key in ("actions", "groups", "themes")):
            return True
        journeys = [self.journeys[str(theme)] for theme in listed(lever.get("themes"))]
        return self._names(lever, action) or any(action in journey for journey in journeys)

    # --- fill --------------------------------------------------------------------------------------------------------

    def _fill(self, ranking: list[str], ghosts: bool = False) -> dict[str, list[tuple[str, str]]]:
        """Each slot takes the best unused action that fits, deducting caps as it goes; `ghosts`: nothing held out."""
        shown: dict[str, list[tuple[str, str]]] = {}
        used: list[str] = []
        places = tree_of(self.channel, "placements")
        everywhere = int(str(self.channel.get("max_per_group", "1000")))
        for place, count in sorted(
            self.question.placements, key=lambda each: int(str(tree_of(places[each[0]]).get("precedence", "1")))
        ):
            most = int(str(tree_of(places[place]).get("max_per_group", "1000")))
            shown[place] = []
            for slot in range(count):
                here = [action for action, _ in shown[place]]
                free = [
                    action
                    for action in ranking
                    if action not in used
                    and self.treatment(action, place) is not None
                    and (ghosts or not self._kept_back(action, place))
                    and sum(self._group(each) == self._group(action) for each in here) < most
                    and sum(self._group(each) == self._group(action) for each in used) < everywhere
                    and not any(self._apart(action, other) for other in used)
                    and self.contact.leaves_room(action, used)
                    and self.contact.affords(action, used)
                ]
                if not free:
                    break
                best = self._drawn([each for each in free if self._tier(each) == self._tier(free[0])], place, slot)
                used.append(best)
                shown[place].append((best, str(self.treatment(best, place))))
        return shown

    def _drawn(self, free: list[str], place: str, slot: int) -> str:
        """The best, or in an arm that leaves it to chance any: 32 bits of a keyed hash over as many equal shares."""
        if self._way(free[0]) not in ("random_relevant", "engagement_only"):
            return free[0]
        where = f"{self.question.customer}|{self.question.channel}.{place}|{slot}|{self.today.toordinal()}|0|0"
        drawn = int.from_bytes(hashlib.blake2b(where.encode(), digest_size=4, key=self.key).digest(), "big")
        share = 2**32 // len(free)
        rounding = 2**32 - share * len(free)
        return free[max(0, (drawn - rounding) // share)]

    def _apart(self, one: str, other: str) -> bool:
        """`never_with`, whichever of the two says it."""
        pairs = [(one, other), (other, one)]
        return any(second in listed(self.actions[first].get("never_with")) for first, second in pairs)


def positive_history(tree: Tree) -> list[dict[str, Tree]]:
    """What has to have happened, outside of `none` and `unless`; of `not_seen: a, since: b` that is b."""
    found: list[dict[str, Tree]] = []
    for key, value in tree_of(tree).items():
        if key == "when":
            found += positive_history(value)
        elif key in ("all", "any"):
            found += [item for each in listed(value) for item in positive_history(each)]
        elif key == "history":
            for each in listed(value):
                item = tree_of(each)
                if "not_seen" not in item:
                    found.append(item)
                elif "since" in item:
                    found.append({"ever": item["since"]})
    return found


def placeholders(tree: Tree) -> list[str]:
    """The facts in braces in a treatment's texts."""
    if isinstance(tree, dict):
        return [name for key, each in tree.items() if key not in ("when", "id", "arm") for name in placeholders(each)]
    if isinstance(tree, list):
        return [name for each in tree for name in placeholders(each)]
    return [part.partition("}")[0] for part in str(tree).split("{")[1:]]
