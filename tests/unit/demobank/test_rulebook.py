"""What the generator reads from rule files, and how it refuses those it cannot use."""

from pathlib import Path

import pytest

from demobank.attributes import ATTRIBUTE_BY_NAME, CATEGORIES, LEAK
from demobank.rulebook import CannotBuildBank, read_rulebook
from tests.unit.demobank.towns import RULES, rulebook, write_rules

ISA = "action: isa\ngroup: savings\ngives: isa\ntier: offer\nvalue: 45.00\n"
PENSION = "action: pension\ngroup: investment\ngives: pension\nvalue: 320\n"


def test_only_commercial_actions_become_offers(tmp_path: Path) -> None:
    """A service message has no rate of its own."""
    service = "action: paperless\ngroup: service\ntier: service\nvalue: 8\n"

    offers = read_rulebook(write_rules(tmp_path, PENSION, ISA, service)).offers

    assert [(offer.action, offer.value) for offer in offers] == [("isa", 45.0), ("pension", 320.0)]


def test_a_value_table_counts_with_its_last_row(tmp_path: Path) -> None:
    """The last row is the unconditional one."""
    table = ISA.replace("45.00", "[{when: {age: '>= 60'}, then: 90}, {then: 4_000}]")

    assert read_rulebook(write_rules(tmp_path, PENSION, table)).offers[0].value == 4_000


def test_a_new_headline_makes_no_new_bank_but_a_new_value_does(tmp_path: Path) -> None:
    """The fingerprint covers what was read and nothing else."""
    plain = read_rulebook(write_rules(tmp_path / "a", ISA, PENSION)).fingerprint()
    worded = read_rulebook(write_rules(tmp_path / "b", ISA + "title: New\n", PENSION)).fingerprint()
    valued = read_rulebook(write_rules(tmp_path / "c", ISA.replace("45", "46"), PENSION)).fingerprint()

    assert plain == worded != valued


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        ([], "holds 0 offers"),
        ([ISA], "holds 1 offers"),
        ([ISA, PENSION.replace("gives: pension", "gives: yacht")], "gives `yacht`, which is not a product"),
        ([ISA, PENSION.replace("320", "0.1 * income.monthly")], "no plain number"),
        ([ISA, PENSION.replace("320", "0")], "must be above 0"),
        ([ISA, "action: [unclosed"], "not valid YAML"),
        ([ISA, "- a list"], "no mapping"),
    ],
)
def test_rules_without_a_choice_to_make_are_refused(tmp_path: Path, actions: list[str], sentence: str) -> None:
    """One sentence says what is wrong."""
    with pytest.raises(CannotBuildBank, match=sentence):
        read_rulebook(write_rules(tmp_path, *actions))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """The sentence names the file that was looked for."""
    with pytest.raises(CannotBuildBank, match=r"catalogue\.yaml` cannot be read"):
        read_rulebook(tmp_path / "nowhere")


def test_a_catalogue_without_events_is_refused(tmp_path: Path) -> None:
    """An empty section is as bad as a missing one."""
    with pytest.raises(CannotBuildBank, match="no `events`"):
        read_rulebook(
            write_rules(
                tmp_path,
                ISA,
                PENSION,
                catalogue="attributes: {age: {type: integer}}\nproducts: {isa: {}, pension: {}}\n",
            )
        )


def test_the_generator_knows_every_attribute_of_the_starter_catalogue() -> None:
    """Otherwise a column of the customers file would be empty."""
    beside_the_model = {
        "country", "gender", "customer.since", "birth_on", "mortgage.renews_on", "car.finance_ends_on", "arrears.days",
        "loan.balance", "insolvency", "vulnerable", "deceased", "staff", "staff_suppressed",
    }  # fmt: skip

    assert set(rulebook().attributes) == set(ATTRIBUTE_BY_NAME) | beside_the_model | {LEAK}


def test_every_category_value_is_one_the_catalogue_lists() -> None:
    """A value that the catalogue lacks would be refused on loading."""
    text = (RULES / "catalogue.yaml").read_text(encoding="utf-8")

    unlisted = [word for name, words in CATEGORIES.items() for word in words if not _listed(text, name, word)]

    assert unlisted == []


def _listed(text: str, name: str, word: str) -> bool:
    line = next(line for line in text.splitlines() if line.strip().startswith(f"{name}:"))
    return word in line.partition("values: [")[2].partition("]")[0].replace('"', "").replace(" ", "").split(",")
