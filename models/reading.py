"""Reads features at decision time: the customer's from a profile, the time of year from the clock."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from engine.facts import NAN, FactSpec, FactType, Held, ProfileSchema
from models.errors import ModelRefused
from models.features import CustomerFeature, FeatureKind
from models.history import DAY_S


class CustomerReader:
    """Reads features of a customer from a profile; every column is looked up once, here.

    Raises:
        ModelRefused: a feature's column is not in the schema, or is declared otherwise than in training.
    """

    def __init__(self, features: Sequence[CustomerFeature], schema: ProfileSchema) -> None:
        columns = [(feature, *_column(feature, schema)) for feature in features]
        numbers = [position for feature, position, _ in columns if feature.kind is FeatureKind.NUMBER]
        members = [
            (position, spec.values.index(feature.values[0]))
            for feature, position, spec in columns
            if feature.kind is FeatureKind.MEMBER
        ]
        self._numbers = _picker(numbers)
        self._codes = tuple(
            (position, _code_by_held(feature, spec))
            for feature, position, spec in columns
            if feature.kind is FeatureKind.CODE
        )
        self._sets = tuple(
            (position, tuple(bit for _, bit in group)) for position, group in groupby(members, key=itemgetter(0))
        )

    def read(self, profile: Sequence[Held]) -> list[float]:
        """The values of one customer, in the order of the features; missing is NaN."""
        values: list[float] = [*self._numbers(profile)]
        values += [codes[profile[position]] for position, codes in self._codes]
        for position, bits in self._sets:
            mask = profile[position]
            values += [mask >> bit & 1 for bit in bits] if isinstance(mask, int) else [NAN] * len(bits)
        return values


def _column(feature: CustomerFeature, schema: ProfileSchema) -> tuple[int, FactSpec]:
    position = schema.position_by_name.get(feature.fact)
    if position is None:
        raise ModelRefused(f"the model reads `{feature.fact}`, which the catalogue does not declare")
    spec = schema.columns[position]
    if (spec.type, spec.decimals) != (feature.type, feature.decimals):
        raise ModelRefused(
            f"the model reads `{feature.fact}` as {feature.type} with {feature.decimals} decimals, "
            f"the catalogue declares {spec.type} with {spec.decimals}"
        )
    if feature.kind is FeatureKind.MEMBER and feature.values[0] not in spec.values:
        raise ModelRefused(f"the model reads `{feature.name}`, which the catalogue does not declare")
    return position, spec


def _picker(positions: Sequence[int]) -> Callable[[Sequence[Held]], tuple[float, ...]]:
    """A function that takes the values at these positions; itemgetter alone answers otherwise for none and for one."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda profile: tuple(profile[position] for position in positions)  # type: ignore[misc]  # columns of numbers hold numbers


def _code_by_held(feature: CustomerFeature, spec: FactSpec) -> Mapping[Held, float]:
    """From what a profile holds to the model's code; a value that the model has not seen is missing to it."""
    if spec.type is FactType.BOOLEAN:
        return {None: NAN, False: 0, True: 1}
    code_by_value = {value: code for code, value in enumerate(feature.values)}
    codes: dict[Held, float] = {held: code_by_value.get(value, NAN) for held, value in enumerate(spec.values)}
    return codes | {None: NAN}


_FOUR_YEARS: Final = 1_461
_SEASONS: Final = tuple(
    (round(math.cos(angle), 6), round(math.sin(angle), 6))
    for angle in (8 * math.pi * day / _FOUR_YEARS for day in range(_FOUR_YEARS))
)


def season(now_s: int) -> tuple[float, float]:
    """Cosine and sine of the time of year, from a table of days, so that they are the same bits on any machine."""
    return _SEASONS[now_s // DAY_S % _FOUR_YEARS]
