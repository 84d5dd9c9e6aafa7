"""Who comes by."""

import pytest

from loadtest.mix import Mix, People, read_mix


def test_mix_is_read_in_the_order_atm_web_branch() -> None:
    """`60/30/10` means what it says."""
    assert read_mix("60/30/10") == Mix(atm=60, web=30, branch=10)
    assert str(read_mix("1/0/0")) == "1/0/0"


@pytest.mark.parametrize("text", ["", "60/30", "60/30/10/1", "a/b/c", "-1/2/3", "0/0/0", "1/2/1000", "1.5/1/1"])
def test_what_is_no_mix_is_refused(text: str) -> None:
    """A slip of the pen never becomes another load than was meant."""
    with pytest.raises(ValueError, match="a mix"):
        read_mix(text)


def test_same_seed_brings_the_same_people() -> None:
    """Runs can be compared because whom they draw repeats."""
    one, other = People(customers=20_000, seed=7), People(customers=20_000, seed=7)
    assert [one.card_token() for _ in range(20)] == [other.card_token() for _ in range(20)]


def test_every_customer_belongs_to_the_bank() -> None:
    """Ids are those of the demonstration bank, up to its size."""
    people = People(customers=3, seed=1)
    assert {people.customer() for _ in range(200)} == {"C0000001", "C0000002", "C0000003"}


def test_minted_ids_never_repeat() -> None:
    """Even with one seed, two runs never share a request or outcome id."""
    ids = [People(customers=3, seed=1).fresh("request") for _ in range(2)]
    assert len(set(ids)) == 2
