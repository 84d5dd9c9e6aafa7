"""How experiments and levers read in a terminal."""

from api.adapters.memory import MemoryState
from api.cli.experiments import lines_of_experiment, lines_of_levers
from api.decision_record import DecisionRecord
from api.experiments.attribution import ArmReport, ExperimentReport
from api.experiments.price import Ledger
from engine import Decision, Plan
from models.lift import Counted, compare, wilson
from tests.builders import NOW, a_plan, a_question, an_action, decided, the_arbitration
from tests.unit.api.experiments.builders import note_decision

NOW_S = int(NOW.timestamp())


def report(customers: int, converted: int, split: float = 0.5, strays: int = 0) -> ExperimentReport:
    """Offers, of whom so many converted, against 1,000 held out, of whom 100 did."""
    held_out, offers = Counted(customers=1_000, converted=100), Counted(customers=customers, converted=converted)
    arms = (
        ArmReport(
            arm="offers",
            share=0.98,
            customers=customers + 7,
            still_open=7,
            shown=customers,
            counted=offers,
            interval=wilson(offers),
            comparison=compare(offers, held_out),
        ),
        ArmReport(
            arm="holdout",
            share=0.02,
            customers=1_000,
            still_open=0,
            shown=900,
            counted=held_out,
            interval=wilson(held_out),
            comparison=None,
        ),
    )
    return ExperimentReport(
        experiment="e",
        title="Do offers pay",
        known=True,
        control="holdout",
        window_days=30,
        level=0.95,
        arms=arms,
        split_probability=split,
        strays=strays,
    )


def test_report_gives_rates_lift_and_intervals() -> None:
    """By arm, the control last."""
    lines = list(lines_of_experiment(report(20_000, 2_600)))
    assert lines == [
        "e: Do offers pay",
        "  offers: 20,007 customers, 98.0% asked; 20,000 of them were shown what is compared, or would have been; "
        "7 still inside 30 days",
        "    2,600 of 20,000 converted: 13.00% (12.54% to 13.47%)",
        "    against holdout: higher; lift +30.0% (+7.6% to +57.1%)",
        "  holdout: 1,000 customers, 2.0% asked; 900 of them were shown what is compared, or would have been; "
        "0 still inside 30 days",
        "    100 of 1,000 converted: 10.00% (8.29% to 12.02%)",
    ]


def test_report_says_when_there_is_not_enough_evidence() -> None:
    """And how large a lift would have had to be."""
    lines = list(lines_of_experiment(report(400, 60)))
    assert lines[3].startswith("    against holdout: not enough evidence; lift +50.0%")
    assert "so many customers would show a lift of" in lines[3]


def test_report_warns_of_a_split_that_is_no_chance() -> None:
    """Before any rate."""
    lines = list(lines_of_experiment(report(20_000, 2_600, split=1e-9, strays=3)))
    assert lines[1].startswith("  the arms did not get their shares (probability 1e-09)")
    assert lines[2] == "  3 customers were in several arms and count in none"


class Kept:
    """Keeps some rules."""

    def __init__(self, *kept: Plan) -> None:
        self._kept = kept

    def plan(self, record: DecisionRecord) -> Plan:
        """See `Remaking.plan`."""
        return next(each for each in self._kept if each.hash == record.ruleset)

    def again(self, _record: DecisionRecord, plan: Plan) -> Decision:
        """See `Remaking.again`."""
        return decided(plan)


def a_bank(lever: str = "{lever: push, percent: 10, actions: [isa]}") -> Plan:
    """With one lever."""
    return a_plan(an_action("isa"), the_arbitration(f"levers:\n  - {lever}\n"))


def ledger(rules: Plan, *others: Plan) -> Ledger:
    """A decision by each version of the rules, and figures of two weeks that cost 9.00 in all."""
    found = Ledger(rules, Kept(rules, *others))
    for plan in (rules, *others):
        found.see("r", note_decision(MemoryState(), plan, a_question(plan), decided(plan), NOW))
    found.span.last_s = NOW_S + 14 * 86_400
    for tag in found.tags:
        tag.decisions, tag.changed, tag.given_up_minor = 40, 3, 900.0
        tag.span.last_s = found.span.last_s
    return found


def test_price_tags_are_in_the_banks_money_a_week() -> None:
    """One line a lever."""
    found = ledger(a_bank())
    assert list(lines_of_levers(found)) == [
        "1 decisions over 14.0 days, made again without each lever",
        "  push (+10%): costs 4.50 GBP a week in expected value; changed 3 of the 40 decisions in which it pulled",
    ]
    found.tags[0].given_up_minor = -900.0
    assert "push (+10%): brings 4.50 GBP a week" in list(lines_of_levers(found))[1]


def test_price_tags_say_which_rules_they_cover() -> None:
    """A lever with another percentage, or one that was taken out, has a line of its own."""
    lines = list(lines_of_levers(ledger(a_bank(), a_bank("{lever: push, percent: -5, actions: [isa]}"))))
    assert lines[1] == "  2 versions of the rules made them, 1 of them these rules"
    assert lines[2].startswith("  push (+10%): costs")
    assert lines[3].startswith("  push (-5%), not in these rules: costs")
    assert lines[4].startswith("  all levers together: costs")


def test_price_tags_say_what_is_left_out() -> None:
    """And that nothing is known where nothing is left."""
    found = Ledger(a_bank(), Kept())
    found.missing["rules"], found.missing["model"], found.different, found.unreadable = 3, 4, 2, 1
    assert list(lines_of_levers(found)) == [
        "0 decisions over 0.0 days, made again without each lever",
        "  4 decisions were made with a model that is not kept, and are left out",
        "  3 decisions were made with rules that are not kept, and are left out",
        "  2 decisions come out differently from how they were recorded, and are left out",
        "  1 decisions cannot be read, and are left out",
        "not enough evidence: no decision that can be made again is recorded",
    ]
    bare = Ledger(a_plan(), Kept())
    assert list(lines_of_levers(bare))[-1] == "no lever is in these rules, nor in any that made a decision"
