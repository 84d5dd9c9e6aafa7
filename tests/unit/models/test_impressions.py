"""A customer's contacts, replayed."""

from engine.contacts import Contact, ContactState
from models.impressions import Journal

SHOWN, DECLINED, CONVERTED = (
    int(state) for state in (ContactState.SHOWN, ContactState.DECLINED, ContactState.CONVERTED)
)


def at(*instants: int) -> list[Contact]:
    return [Contact(instant, 1, 0, 0, SHOWN, 0, 0) for instant in instants]


def states(journal: Journal, now_s: int) -> list[int]:
    return [contact.state for contact in journal.until(now_s)]


def test_a_contact_is_told_after_its_instant_and_an_answer_once_it_is_known() -> None:
    journal = Journal(at(10, 20), [(15, 0, DECLINED)])
    assert states(journal, 10) == []
    assert states(journal, 14) == [SHOWN]
    assert states(journal, 15) == [DECLINED]
    assert states(journal, 21) == [DECLINED, SHOWN]


def test_a_later_state_replaces_an_earlier_one_and_never_the_other_way() -> None:
    journal = Journal(at(10), [(12, 0, CONVERTED), (14, 0, DECLINED)])
    assert states(journal, 13) == [CONVERTED]
    assert states(journal, 20) == [CONVERTED]


def test_an_answer_at_the_contact_itself_waits_for_the_contact() -> None:
    journal = Journal(at(10), [(10, 0, DECLINED)])
    assert states(journal, 10) == []
    assert states(journal, 11) == [DECLINED]
