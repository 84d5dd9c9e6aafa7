"""The planted proxy: the postcode tells more of a protected group than a bank should use unawares."""

import numpy as np

from demobank.arrays import stream
from demobank.attributes import ATTRIBUTES
from models.evaluation.fairness import Proxy, proxies
from tests.unit.demobank.towns import people


def found_for(group: np.ndarray) -> list[Proxy]:
    """Of all 45 attributes of 6,000 customers, as the bank's snapshot shows them."""
    names = [attribute.name for attribute in ATTRIBUTES]
    columns = np.column_stack([np.asarray(people().shown[name], dtype=np.float64) for name in names])
    return proxies("gender", ["female", "male"], group, names, columns, [0.0] * len(names))


def test_the_postcode_is_found_and_nothing_else() -> None:
    found = found_for(np.minimum(people().gender, 1))
    assert {each.feature for each in found} == {"postcode.affluence"}
    assert found[0].auc > 0.65


def test_shuffled_groups_have_no_proxy() -> None:
    assert found_for(stream("7", "shuffled").permutation(np.minimum(people().gender, 1))) == []
