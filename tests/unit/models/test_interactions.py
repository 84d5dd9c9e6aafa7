"""A bank's own table: what is taken, and what is refused in a sentence that says what and where."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.errors import RuleErrors
from models.errors import TrainingRefused
from models.interactions.catalogue import read_own_catalogue
from models.interactions.dataset import Interactions, interaction_rows
from models.interactions.training import read_for_training
from models.rows import Window
from tests.unit.models.tables import CATALOGUE, a_table, write_catalogue


def read(folder: Path, frame: pl.DataFrame, **renamed: str) -> Interactions:
    file = folder / "calls.csv"
    frame.write_csv(file)
    return read_for_training(file, read_own_catalogue(write_catalogue(folder)), renamed=renamed)


def refusal(folder: Path, frame: pl.DataFrame, **renamed: str) -> str:
    with pytest.raises(TrainingRefused) as refused:
        read(folder, frame, **renamed)
    return str(refused.value)


def with_value(column: str, row: int, value: object) -> pl.DataFrame:
    """The table with one value, as text, somewhere else than its column would have it."""
    frame = a_table(600).with_columns(pl.col(column).cast(pl.String))
    texts = frame[column].to_list()
    texts[row] = value
    return frame.with_columns(pl.Series(column, texts, dtype=pl.String))


def test_every_row_is_a_contact(tmp_path: Path) -> None:
    frame = a_table(900)
    found = read(tmp_path, frame)
    assert len(found.impressions) == 900
    assert int((found.impressions.positive_at_s > 0).sum()) == frame["outcome"].sum()
    assert [(action.id, action.group) for action in found.view.actions] == [("gold_card", "cards"), ("loan", "lending")]
    assert [channel.id for channel in found.view.channels] == ["letter", "phone"]
    assert found.findings == ()


def test_earlier_rows_of_a_customer_are_their_past(tmp_path: Path) -> None:
    """Counted as a decision counts contacts, up to the instant of each row."""
    frame = a_table(900).with_columns(customer=pl.lit("K1"))
    rows = interaction_rows(
        read(tmp_path, frame), Window(positive_days=0.0), pick=lambda every: np.ones(len(every))
    ).rows
    counted = rows.matrix[:, rows.features.names.index("contacts.impressions_7d")]
    assert counted[:3].tolist() == [0.0, 1.0, 2.0]
    assert counted[-1] == 7 * 24 * 60 // 50


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    frame = a_table(900)
    own = read_own_catalogue(write_catalogue(tmp_path))
    frame.write_parquet(tmp_path / "calls.parquet")
    one, other = read(tmp_path, frame), read_for_training(tmp_path / "calls.parquet", own, renamed={})
    for name in ("customer", "at_s", "action", "channel", "rank", "positive_at_s"):
        assert np.array_equal(getattr(one.impressions, name), getattr(other.impressions, name)), name


def test_semicolons_tabs_and_other_names_are_understood(tmp_path: Path) -> None:
    frame = a_table(600).rename({"time": "at", "customer": "customer_id", "outcome": "said_yes"})
    frame.write_csv(tmp_path / "calls.csv", separator=";")
    own = read_own_catalogue(write_catalogue(tmp_path))
    found = read_for_training(tmp_path / "calls.csv", own, renamed={"outcome": "said_yes"})
    assert len(found.impressions) == 600


def test_outcomes_may_be_named_and_count_as_the_catalogue_says(tmp_path: Path) -> None:
    """A click is a positive answer where the catalogue says so; elsewhere it takes an accept."""
    frame = a_table(1_200).with_columns(
        outcome=pl.when(pl.col("outcome") == 1).then(pl.lit("click")).otherwise(pl.lit("decline"))
    )
    catalogue = write_catalogue(tmp_path, CATALOGUE + "positives: {phone: click}\n")
    frame.write_csv(tmp_path / "calls.csv")
    found = read_for_training(tmp_path / "calls.csv", read_own_catalogue(catalogue), renamed={})
    clicked = frame.filter((pl.col("channel") == "phone") & (pl.col("outcome") == "click"))
    assert int((found.impressions.positive_at_s > 0).sum()) == len(clicked)
    assert int((found.impressions.declined_at_s > 0).sum()) == int((frame["outcome"] == "decline").sum())


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("age", "old", "column `age`, row 8: `old` is no number"),
        ("balance", "inf", "column `balance`, row 8: the number is infinite"),
        ("balance", "-Infinity", "column `balance`, row 8: the number is infinite"),
        ("paperless", "perhaps", "column `paperless`, row 8: `perhaps` is neither true nor false"),
        ("time", "31/12/2025", "column `time`, row 8: `31/12/2025` is no instant such as 2026-01-31T10:00:00Z"),
        ("time", None, "column `time`, row 8: there is no value"),
        ("customer", None, "column `customer`, row 8: there is no value"),
        ("outcome", None, "column `outcome`, row 8: there is no value: write 0 where nothing came of it"),
        ("outcome", "maybe", "column `outcome`, row 8: `maybe` is no outcome"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(column: str, value: object, says: str, tmp_path: Path) -> None:
    assert f"`calls.csv`, {says}" in refusal(tmp_path, with_value(column, 7, value))


@pytest.mark.parametrize("rank", ["0", "1.5", "1e300", "inf", "first"])
def test_a_rank_counts_from_one(rank: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, a_table(600).with_columns(rank=pl.lit(rank)))
    assert said == f"`calls.csv`, column `rank`, row 1 and 599 more: `{rank}` is no rank from 1 to 1,000,000"


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        (
            "customer",
            pl.concat_list("customer"),
            "column `customer`: one plain value is needed in each row, and the file",
        ),
        ("age", pl.struct("age"), "column `age`: one plain value is needed in each row, and the file has Struct"),
        (
            "job",
            pl.col("job").cast(pl.Binary),
            "column `job`: one plain value is needed in each row, and the file has Bin",
        ),
    ],
)
def test_a_column_of_structures_is_refused(column: str, values: pl.Expr, says: str, tmp_path: Path) -> None:
    a_table(600).with_columns(values.alias(column)).write_parquet(tmp_path / "calls.parquet")
    with pytest.raises(TrainingRefused) as refused:
        read_for_training(tmp_path / "calls.parquet", read_own_catalogue(write_catalogue(tmp_path)), renamed={})
    assert str(refused.value).startswith(f"`calls.parquet`, {says}")


def test_a_missing_column_is_named_with_what_is_there(tmp_path: Path) -> None:
    said = refusal(tmp_path, a_table(600).rename({"channel": "chanel"}))
    assert said.startswith("`calls.csv` has no column `channel` (is `chanel` meant?); it has `time`, `customer`")
    assert said.endswith("name the one that is meant with --column channel=COLUMN")


def test_a_column_that_nobody_declared_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, a_table(600).with_columns(balances=pl.lit(1), duration=pl.lit(2)))
    assert said.startswith(
        "`calls.csv` has a column `balances` that the catalogue does not declare, nor 1 more columns"
    )
    assert "(is `balance` meant?)" in said


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("time,customer,action,channel,age,age,outcome\n2025-01-01,a,b,c,1,2,0\n", encoding="utf-8")
    with pytest.raises(TrainingRefused, match="has the column `age` twice"):
        read_for_training(file, read_own_catalogue(write_catalogue(tmp_path)), renamed={})


def test_unseen_categories_and_values_out_of_range_are_told_and_missing(tmp_path: Path) -> None:
    found = read(tmp_path, with_value("job", 4, "astronaut")).findings
    (said,) = found
    assert said == "`calls.csv`, column `job`, row 5: `astronaut` is none of the catalogue's values and read as missing"
    found = read(tmp_path, with_value("age", 4, "7")).findings
    assert found == ("`calls.csv`, column `age`, row 5: 7 is outside 18..110 and read as missing",)


def test_a_feature_without_any_value_is_told(tmp_path: Path) -> None:
    frame = a_table(600).with_columns(balance=pl.lit(None, dtype=pl.Float64))
    assert read(tmp_path, frame).findings == (
        "`calls.csv`, column `balance`: empty in every row, so the model does not read it",
    )


@pytest.mark.parametrize(("outcome", "says"), [(0, "not one is positive"), (1, "every one is positive")])
def test_outcomes_of_one_kind_teach_nothing(outcome: int, says: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, a_table(600).with_columns(outcome=pl.lit(outcome)))
    assert said == f"`calls.csv`, column `outcome`: of 600 outcomes {says}; a model learns from both"


def test_ten_rows_are_too_few(tmp_path: Path) -> None:
    frame = a_table(10).with_columns(outcome=pl.Series([0, 1] * 5))
    assert refusal(tmp_path, frame).startswith(
        "`calls.csv` has 10 rows with 5 positive outcomes; at least 80 are needed, 20 for each of the parts"
    )


def test_copies_of_a_row_are_left_out_and_told(tmp_path: Path) -> None:
    frame = a_table(600)
    found = read(tmp_path, pl.concat([frame, frame[3:5]]))
    assert len(found.impressions) == 600
    (said,) = found.findings
    assert said.startswith("`calls.csv`, column `customer`, row 601 and 1 more: a copy of an earlier row, ")


def test_copies_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    frame = a_table(600)
    said = refusal(tmp_path, pl.concat([frame, frame[3:4].with_columns(outcome=1 - pl.col("outcome"))]))
    assert said.startswith("`calls.csv`, column `outcome`, row 601: an earlier row has the same customer")


def test_an_outcome_before_its_decision_is_refused(tmp_path: Path) -> None:
    frame = a_table(600).with_columns(outcome_time=pl.col("time") + pl.duration(hours=2))
    late = pl.int_range(600) == frame["outcome"].arg_max()
    frame = frame.with_columns(outcome_time=pl.when(late).then(pl.col("time") - pl.duration(days=1)).otherwise("time"))
    said = refusal(tmp_path, frame)
    assert f"column `outcome_time`, row {(frame['outcome'].arg_max() or 0) + 1}: the outcome came at " in said
    assert ", before the decision at " in said


def test_a_probability_must_be_one(tmp_path: Path) -> None:
    frame = a_table(600).with_columns(probability=pl.Series([0.5] * 599 + [1.5]))
    assert "column `probability`, row 600: `1.5` is no probability in (0, 1]" in refusal(tmp_path, frame)


def test_an_empty_file_one_that_is_not_there_and_one_of_another_kind(tmp_path: Path) -> None:
    own = read_own_catalogue(write_catalogue(tmp_path))
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "heading.csv").write_text("time,customer,action,channel,outcome\n")
    (tmp_path / "noise.parquet").write_bytes(b"PAR1 and nothing else")
    (tmp_path / "latin.csv").write_bytes(b"time,customer,action,channel,outcome\n2025-01-01,\xe9,b,c,0\n")
    for name in ("empty.csv", "heading.csv", "noise.parquet", "latin.csv", "absent.csv", "calls.xlsx"):
        with pytest.raises(TrainingRefused) as refused:
            read_for_training(tmp_path / name, own, renamed={})
        assert name in str(refused.value)


def test_a_wrong_catalogue_is_told_with_its_places(tmp_path: Path) -> None:
    catalogue = write_catalogue(tmp_path, CATALOGUE.replace("type: integer", "type: intger"))
    with pytest.raises(RuleErrors, match=r"catalogue\.yaml:3:\d+: `type` must be one of"):
        read_own_catalogue(catalogue)


def test_only_numbers_have_a_direction(tmp_path: Path) -> None:
    catalogue = write_catalogue(tmp_path, CATALOGUE.replace("type: boolean", "type: boolean, monotone: falls"))
    with pytest.raises(RuleErrors, match="`monotone` is for a number, `paperless` is a boolean"):
        read_own_catalogue(catalogue)
