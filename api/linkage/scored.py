"""How likely pairs of records are one person's, by a Fellegi-Sunter model that Splink estimates from the records.

How often one person's records agree is learnt from those that a key of one field settles; only where there is none
by expectation maximisation, which takes families at one address for one person all too easily.
The only module that knows Splink, which comes with the extra `linkage`. One thread and the declared seed make the same
scores of the same records.
"""

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from api.linkage.records import RECORD
from api.linkage.spec import Kind, Linkage, LinkageError

if TYPE_CHECKING:
    from splink.internals.blocking_rule_creator import BlockingRuleCreator
    from splink.internals.comparison_creator import ComparisonCreator

ASSUMED_RECALL: Final = 0.7
"""The share of true pairs that declared keys find: where the estimate of how rare a match is begins."""
FEWEST: Final = 20
"""Below so many records nothing can be estimated."""
MAX_PAIRS: Final = 1e6


class Pair(NamedTuple):
    """Two records, the lesser name first, and how likely they are one person's."""

    left: str
    right: str
    probability: float


def score(linkage: Linkage, records: pl.DataFrame) -> list[Pair]:
    """The pairs that are worth a look, likeliest first, then by name.

    Raises:
        LinkageError: Splink is not installed, or there are too few records to estimate anything from.
    """
    try:
        import duckdb  # noqa: PLC0415 - part of an extra that not every installation has
        from splink import Linker, SettingsCreator, block_on  # noqa: PLC0415
        from splink.backends.duckdb import DuckDBAPI  # noqa: PLC0415
        from splink.internals.exceptions import EMTrainingException  # noqa: PLC0415
    except ImportError as error:
        raise LinkageError("scoring needs Splink: install nextbest with its extra `linkage`") from error
    if records.height < FEWEST:
        raise LinkageError(f"{records.height} records are too few to score; link them by `keys`")
    logging.getLogger("splink").setLevel(logging.ERROR)
    blocks = [block_on(*fields) for fields in linkage.block_on]
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET threads = 1")
        connection.register("told", records.to_arrow())
        connection.execute("CREATE TABLE records AS SELECT * FROM told ORDER BY record")
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name=RECORD,
            comparisons=[_comparison(field, kind) for field, kind in linkage.compare.items()],
            blocking_rules_to_generate_predictions=list(blocks),
            retain_matching_columns=False,
        )
        linker = Linker(DuckDBAPI(connection).register("records"), settings, log_level=logging.ERROR)
        training = linker.training
        settled: list[str | BlockingRuleCreator] = [
            block_on(*fields) for fields in linkage.keys or linkage.block_on[:1]
        ]
        with suppress(ValueError):  # none is alike so far: then the model's own first guess stands
            training.estimate_probability_two_random_records_match(settled, recall=ASSUMED_RECALL)
        training.estimate_u_using_random_sampling(max_pairs=MAX_PAIRS, seed=linkage.seed)
        labels = [fields[0] for fields in linkage.keys if len(fields) == 1]
        for label in labels:
            training.estimate_m_from_label_column(label)
        for block in blocks if not labels else ():
            with suppress(EMTrainingException):  # no two records are alike in it: it teaches nothing
                training.estimate_parameters_using_expectation_maximisation(block)
        predicted = linker.inference.predict(threshold_match_probability=linkage.review_from)
        rows = connection.execute(
            f"SELECT {RECORD}_l, {RECORD}_r, match_probability FROM {predicted.physical_name}"  # noqa: S608 - names of ours and Splink's
        ).fetchall()
    pairs = [Pair(min(left, right), max(left, right), float(probability)) for left, right, probability in rows]
    return sorted(pairs, key=lambda pair: (-round(pair.probability, 9), pair.left, pair.right))


def _comparison(field: str, kind: Kind) -> "ComparisonCreator":
    import splink.comparison_library as compare  # noqa: PLC0415 - see `score`

    match kind:
        case Kind.NAME:
            return compare.NameComparison(field)
        case Kind.DATE:
            return compare.DateOfBirthComparison(field, input_is_string=True)
        case Kind.TEXT:
            return compare.LevenshteinAtThresholds(field, [1, 2])
        case Kind.EMAIL:
            return compare.EmailComparison(field)
        case Kind.EXACT:
            return compare.ExactMatch(field)
