"""The definition of a row: which facts a model may read, and how it reads them."""

import math
from datetime import UTC, datetime

import pytest

from engine.facts import NAN
from models.errors import ModelRefused
from models.features import ACTION, describe_actions, features_of
from models.reading import CustomerReader, season
from tests.unit.models.banks import nutshell_plan, plan_with

AGE_45 = {"age": 45, "income.monthly": 2_500.5, "employment": "retired", "statement.paperless": False, "holds": ["isa"]}


def read(values: dict[str, object]) -> dict[str, float]:
    """A customer's features by name."""
    plan = nutshell_plan()
    features = features_of(plan)
    profile = plan.profile_schema.encode(values)  # type: ignore[arg-type]  # natural values of several types
    found = CustomerReader(features.customer, plan.profile_schema).read(profile)
    return {feature.name: value for feature, value in zip(features.customer, found, strict=True)}


def test_numbers_keep_their_scale_and_categories_are_codes() -> None:
    """Money is in minor units, exactly; a flag per product says what is held."""
    found = read(AGE_45)
    assert found["age"] == 45
    assert found["income.monthly"] == 250_050
    assert found["employment"] == 2
    assert found["statement.paperless"] == 0
    assert found["holds.isa"] == 1
    assert found["holds.car_loan"] == 0


def test_a_missing_value_is_nan_whatever_its_type() -> None:
    found = read({"age": 45})
    for name in ("income.monthly", "credit.utilisation", "employment", "statement.paperless", "holds.isa"):
        assert math.isnan(found[name]), name


def test_the_model_never_sees_a_default() -> None:
    plan = plan_with(("{title: Age, type: integer,", "{title: Age, type: integer, default: 40,"))
    reader = CustomerReader(features_of(plan).customer, plan.profile_schema)
    assert math.isnan(reader.read(plan.profile_schema.encode({}))[0])


def test_protected_text_and_excluded_facts_are_no_features() -> None:
    names = features_of(nutshell_plan()).names
    assert not {"gender", "nickname", "arrears.days"} & set(names)


def test_refused_facts_are_no_features() -> None:
    names = features_of(nutshell_plan(), frozenset({"followup.calls_30d"})).names
    assert "followup.calls_30d" not in names
    assert "age" in names


def test_a_category_that_training_has_not_seen_is_missing() -> None:
    """And one that moved to another place keeps its meaning."""
    trained = features_of(nutshell_plan()).customer
    plan = plan_with(("[employed, student, retired]", "[self_employed, retired, student, employed]"))
    reader = CustomerReader(trained, plan.profile_schema)
    place = next(at for at, feature in enumerate(trained) if feature.name == "employment")

    def code(employment: str) -> float:
        return reader.read(plan.profile_schema.encode({"employment": employment}))[place]

    assert code("retired") == 2
    assert code("employed") == 0
    assert math.isnan(code("self_employed"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("credit.utilisation: {title: Utilisation", "credit.use: {title: Utilisation"), "`credit.utilisation`"),
        (("type: decimal, decimals: 4", "type: decimal, decimals: 2"), "4 decimals"),
        (("type: integer, unit: years", "type: decimal, decimals: 1, unit: years"), "`age` as integer"),
    ],
)
def test_a_fact_that_is_declared_otherwise_is_refused(change: tuple[str, str], says: str) -> None:
    """The trees' thresholds mean something else then, or nothing."""
    trained = features_of(nutshell_plan()).customer
    with pytest.raises(ModelRefused, match=says):
        CustomerReader(trained, plan_with(change).profile_schema)


def test_a_subset_of_the_features_is_read_in_their_order() -> None:
    """Also when it holds none or one of a kind."""
    plan = nutshell_plan()
    every = features_of(plan).customer
    profile = plan.profile_schema.encode(AGE_45)  # type: ignore[arg-type]
    whole = CustomerReader(every, plan.profile_schema).read(profile)
    for chosen in ([], [0], [1, 3], [3, 5, 8], [4], list(range(len(every)))):
        found = CustomerReader([every[at] for at in chosen], plan.profile_schema).read(profile)
        assert [str(value) for value in found] == [str(whole[at]) for at in chosen]


def test_an_action_is_described_by_code_group_value_and_complexity() -> None:
    plan = nutshell_plan()
    features = features_of(plan)
    by_action = dict(zip([action.id for action in plan.actions], describe_actions(features, plan), strict=True))
    code, group, value, complexity = by_action["personal_loan"]  # type: ignore[index]
    assert features.actions[int(code)] == "personal_loan"
    assert features.groups[int(group)] == "lending"
    assert value == 14_000
    assert complexity == 1
    assert by_action["isa"][3] == 0  # type: ignore[index]


def test_a_new_action_is_known_by_its_group_alone() -> None:
    trained = features_of(plan_with(without="isa"))
    plan = nutshell_plan()
    place = next(action.position for action in plan.actions if action.id == "isa")
    code, group, value, _ = describe_actions(trained, plan)[place]
    assert math.isnan(code)
    assert trained.groups[int(group)] == "savings"
    assert value == 2_000


def test_an_unseen_channel_has_no_code() -> None:
    features = features_of(nutshell_plan())
    assert [str(code) for code in features.channel_codes(nutshell_plan())] == ["0", "1", "2"]
    fewer = type(features)(features.customer, features.channels[:1], features.actions, features.groups)
    assert [str(code) for code in fewer.channel_codes(nutshell_plan())] == ["0", str(NAN), str(NAN)]


def test_columns_have_one_name_each() -> None:
    features = features_of(nutshell_plan())
    assert len(set(features.names)) == len(features.names)
    assert features.start(ACTION) + len(ACTION) == len(features.names)
    assert {features.names[column] for column in features.categorical} == {
        "employment",
        "channel",
        "action",
        "action.group",
    }


def test_the_season_comes_back_after_a_year() -> None:
    def at(year: int, month: int) -> tuple[float, float]:
        return season(int(datetime(year, month, 1, tzinfo=UTC).timestamp()))

    assert at(2026, 7) == pytest.approx(at(2030, 7))
    assert math.dist(at(2026, 7), at(2027, 7)) < 0.02
    assert math.dist(at(2026, 1), at(2026, 7)) > 1.9
