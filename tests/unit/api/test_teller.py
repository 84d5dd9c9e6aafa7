"""/teller: finding a customer, what the screen says of them, cards by the length of the queue, and answers."""

import re
from html import unescape
from pathlib import Path
from time import time

import pytest

from api.adapters.records import encode_customers
from api.ports import Identity, Stream
from api.problems import ProblemType
from engine.contacts import Contact, ContactState, DeclineReason, hash32
from engine.ids import ChannelId, CustomerId
from tests.unit.api.access.test_signing_in import SITE, sign_in
from tests.unit.api.shells import Running, starter_plan
from tests.unit.api.staff import CUSTOMER, DAY_S, cards, field, has, staffed

VISIT = f"/teller/customers/{CUSTOMER}?visit=v1"
ANSWERS = f"/teller/customers/{CUSTOMER}/answers"


async def shown(house: Running, address: str = VISIT) -> str:
    """A page as it is read."""
    page = await house.client.get(address)
    assert page.status_code == 200
    return unescape(page.text)


def an_answer(page: str, outcome: str | None, at: int = 0, **fields: str) -> dict[str, str]:
    """What the form of a card posts."""
    said = {} if outcome is None else {"outcome": outcome}
    card = {name: field(page, name, at) for name in ("token", "answer_id", "visit")}
    return card | said | fields


async def test_customer_is_found_by_number_card_account_or_name(tmp_path: Path) -> None:
    ways = (Identity("card_token", "tok_1"), Identity("account_number", "AC1"), Identity("name", "ada lovelace"))
    async with staffed(tmp_path) as house:
        has(house.state, identities=ways)
        for typed in (CUSTOMER, "tok_1", " AC1 ", "Ada  Lovelace"):
            answer = await house.client.get("/teller", params={"find": typed})
            assert answer.status_code == 303
            assert answer.headers["location"].startswith(f"/teller/customers/{CUSTOMER}?visit=")


async def test_nobody_is_said_and_what_was_typed_stays(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        page = await house.client.get("/teller", params={"find": "<b>nobody"})
    assert "Nobody is known under “&lt;b&gt;nobody”." in page.text
    assert 'value="&lt;b&gt;nobody"' in page.text


async def test_several_of_one_name_are_told_apart(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        has(house.state, "C0000002", facts={"age": 63})
        both = Identity("name", "ada lovelace")
        house.state.identities[both] = encode_customers([CustomerId(CUSTOMER), CustomerId("C0000002")])
        page = await shown(house, "/teller?find=ada lovelace")
    assert "2 customers found" in page
    assert "Age 41" in page
    assert "Age 63" in page


async def test_one_line_says_who_it_is_and_leaves_out_what_nobody_knows(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        has(house.state, facts={"housing": None, "household.children": 0})
        page = await shown(house)
    assert '<span class="quiet">Age</span> 41' in page
    assert '<span class="quiet">Customer since</span> 1 Nov 2018' in page
    assert "Current account" in page
    assert "Housing" not in page
    assert "Children" not in page


async def test_news_begin_with_the_last_visit(tmp_path: Path) -> None:
    branch = starter_plan().channel_by_id[ChannelId("branch")].position
    before = Contact(int(time()) - 40 * DAY_S, hash32("isa"), hash32("v0"), branch, ContactState.SHOWN, 0, 30)
    async with staffed(tmp_path) as house:
        has(house.state, happened={"mortgage_application": 10, "salary_paid": 50}, contacts=(before,))
        page = await shown(house)
    assert "Since the last visit" in page
    assert "Last here 1 month ago" in page
    assert "Mortgage application" in page
    assert "Salary paid in" not in page


async def test_other_channels_are_told_with_what_became_of_it(tmp_path: Path) -> None:
    at_s = int(time()) - 2 * DAY_S
    web = Contact(at_s, hash32("isa"), 7, 1, ContactState.DECLINED, DeclineReason.NOT_NOW, 30)
    lapsed = Contact(at_s, hash32("pension"), 8, 1, ContactState.PENDING, 0, 30)
    async with staffed(tmp_path) as house:
        has(house.state, contacts=(web, lapsed))
        page = await shown(house)
    elsewhere = page[page.index("Shown on other channels") :]
    assert "Cash ISA" in elsewhere
    assert "declined: Not now, 2 days ago" in elsewhere
    assert "Pension" not in elsewhere


async def test_longer_the_queue_the_fewer_the_cards(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        counts = {}
        for line in ("none", "short", "long"):
            told = await house.client.post("/teller/line", data={"line": line, "back": VISIT})
            assert (told.status_code, told.headers["location"]) == (303, VISIT)
            counts[line] = len(cards(await shown(house)))
    assert counts == {"none": 3, "short": 2, "long": 1}


async def test_queue_leads_back_to_our_own_pages_alone(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        for back in ("https://elsewhere.example/teller", "//elsewhere.example", ""):
            told = await house.client.post("/teller/line", data={"line": "long", "back": back})
            assert told.headers["location"] == "/teller"


async def test_card_has_a_sentence_to_say_the_steps_and_objections(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        page = await shown(house)
    for part in ("Why you, to say aloud", "Inquire", "Communicate", "Affirm", "Recommend", "Express", "If they say"):
        assert part in page


async def test_next_best_card_comes_at_once_after_a_decline_with_a_reason(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        before = await shown(house)
        first, *others = cards(before)
        told = await house.client.post(ANSWERS, data=an_answer(before, None, reason="too_expensive"))
        after = await shown(house, told.headers["location"])
    assert told.headers["location"] == VISIT
    assert first not in cards(after)
    assert others[0] in cards(after)
    assert len(cards(after)) == 2
    assert "declined: Too expensive" in after


async def test_yes_is_an_order_once_however_often_it_is_sent(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        page = await shown(house)
        said = an_answer(page, "accept")
        for _ in range(3):
            assert (await house.client.post(ANSWERS, data=said)).status_code == 303
        after = await shown(house)
        orders = house.bodies(Stream.FULFILMENT)
    assert len(orders) == 1
    assert "Accepted offer" in after
    assert "accepted" in after


async def test_card_that_was_seen_is_reported_without_a_page(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        page = await shown(house)
        seen = await house.client.post(ANSWERS, data=an_answer(page, "impression"))
        assert (seen.status_code, seen.content) == (204, b"")


async def test_reloading_shows_the_same_cards_and_costs_no_cap(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        pages = [cards(await shown(house)) for _ in range(5)]
    assert pages[0]
    assert len({tuple(each) for each in pages}) == 1


async def test_visit_gets_an_id_where_it_has_none(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        answer = await house.client.get(f"/teller/customers/{CUSTOMER}")
    assert answer.status_code == 303
    assert len(answer.headers["location"]) > len(f"/teller/customers/{CUSTOMER}?visit=")


async def test_nobody_of_that_id_is_a_page_in_plain_words(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        page = await house.client.get("/teller/customers/C9?visit=v1")
        german = await house.client.get("/teller/customers/C9?visit=v1&language=de")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such customer." in page.text
    assert "Diesen Kunden gibt es nicht." in german.text


@pytest.mark.parametrize("forged", ["", "nonsense", "A" * 500])
async def test_forged_answer_is_refused_on_a_page(tmp_path: Path, forged: str) -> None:
    async with staffed(tmp_path) as house:
        page = await shown(house)
        answer = await house.client.post(ANSWERS, data=an_answer(page, "accept") | {"token": forged})
        assert answer.status_code == 422
        assert "<h1>That did not work</h1>" in answer.text
        assert house.bodies(Stream.FULFILMENT) == []


async def test_store_that_is_away_is_a_page_with_a_way_back(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        house.state.available = False
        page = await house.client.get(VISIT)
    assert page.status_code == 503
    assert "The service does not answer at the moment." in page.text


async def test_hostile_words_of_customers_are_shown_as_text(tmp_path: Path) -> None:
    async with staffed(tmp_path) as house:
        has(house.state, '<img src=x onerror="1">')
        page = await house.client.get("/teller/customers/%3Cimg%20src=x%20onerror=%221%22%3E?visit=%22%3E%3Cb%3E")
    assert page.status_code == 200
    assert "<img src=x" not in page.text
    assert '"><b>' not in page.text


async def test_bank_without_such_a_channel_is_told(tmp_path: Path) -> None:
    async with staffed(tmp_path, teller_channel="web") as house:
        page = await house.client.get("/teller")
    assert page.status_code == 422
    assert "The rules of this bank have no channel for this screen." in page.text
    assert (("get_teller", ProblemType.UNKNOWN_CHANNEL), 1) in house.metrics.problems.values.items()


async def test_teller_who_signed_in_answers_and_another_sites_page_cannot(tmp_path: Path) -> None:
    async with staffed(tmp_path, public_url=SITE) as house:
        house.client.headers.pop("authorization")
        came_back = await sign_in(house, "teller", VISIT)
        assert came_back.headers["location"] == VISIT
        page = await shown(house)
        proof = field(page, "csrf_token")
        assert "Sign out" in page
        forged = await house.client.post(ANSWERS, data=an_answer(page, "accept"))
        assert forged.status_code in {401, 403}
        assert house.bodies(Stream.FULFILMENT) == []
        meant = await house.client.post(ANSWERS, data=an_answer(page, "accept") | {"csrf_token": proof})
        assert meant.status_code == 303
        assert len(house.bodies(Stream.FULFILMENT)) == 1


async def test_nobody_but_tellers_sees_the_counter(tmp_path: Path) -> None:
    async with staffed(tmp_path, public_url=SITE) as house:
        house.client.headers.pop("authorization")
        stranger = await house.client.get(VISIT)
        assert stranger.headers["location"].startswith("/sign-in?next=")
        await sign_in(house, "analyst", "/teller")
        refused = await house.client.get("/teller")
        assert refused.status_code == 403
        assert "This page is for others" in refused.text


async def test_sentence_to_say_is_the_treatments_own(tmp_path: Path) -> None:
    """Marketers word it; the engine does where they did not."""
    async with staffed(tmp_path) as house:
        page = await shown(house)
    assert "is what suits you best at the moment" not in page
    said = re.findall(r'<h4 class="overline">Why you, to say aloud</h4>\s*<p>([^<]+)</p>', page)
    assert len(said) == 2
    assert all(sentence.endswith(".") for sentence in said)
