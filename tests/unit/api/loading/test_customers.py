"""Rows of several files become one record for each customer."""

from pathlib import Path

import pytest

from api.loading.binding import bind
from api.loading.loader import Load
from api.loading.mapping_file import MappingErrors
from api.loading.target import Target
from api.ports import Identity
from engine import compile_bundle
from tests.unit.api.loading.small_bank import MAPPING, NOW, RULES, loaded, mapping, problems, target, written

PEOPLE = "id\nC1\nC2\n"


async def test_rows_of_another_table_are_counted_and_summed(tmp_path: Path) -> None:
    text = """
tables:
  people: {file: people.csv}
  orders: {file: orders.csv, customer: person}
customers:
  table: people
  id: id
  attributes:
    orders.count: {count: orders}
    orders.total: {sum: orders, column: amount}
    orders.largest: {max: orders, column: amount, where: {kind: [a]}}
    orders.last: {latest: orders, column: kind, by: {column: day, date: DD.MM.YYYY}}
    orders.any: {any: orders, where: {kind: b}}
"""
    orders = "person,amount,kind,day\nC1,10.50,a,02.01.2026\nC1,900,b,01.01.2026\nC1,20,a,03.01.2025\n"
    records, report = await loaded(written(tmp_path, people=PEOPLE, orders=orders), text)
    assert problems(report) == []
    assert records.profile("C1") == {
        "orders.count": 3,
        "orders.total": 930.5,
        "orders.largest": 20.0,
        "orders.last": "a",
        "orders.any": True,
    }
    assert records.profile("C2") == {"orders.count": 0, "orders.total": 0.0, "orders.any": False}


async def test_sum_beyond_its_range_costs_the_customer(tmp_path: Path) -> None:
    text = """
tables: {people: {file: people.csv}, orders: {file: orders.csv, customer: person}}
customers: {table: people, id: id, attributes: {orders.total: {sum: orders, column: amount}}}
"""
    records, report = await loaded(written(tmp_path, people=PEOPLE, orders="person,amount\nC1,800\nC1,300\n"), text)
    assert problems(report) == ["people.csv:2: `orders.total` must lie in 0..1000"]
    assert list(records.by_customer) == ["C2"]


async def test_joined_tables_lead_from_an_order_to_its_customer(tmp_path: Path) -> None:
    """An order names an account, and an account its owner and a second user: only the owner's rows count."""
    text = """
tables:
  people: {file: people.csv, joins: [{table: towns, on: town, key: code}]}
  towns: {file: towns.csv}
  users: {file: users.csv}
  orders: {file: orders.csv, customer: users.person, joins: [{table: users, on: account, where: {role: owner}}]}
customers:
  table: people
  id: id
  id_prefix: B
  attributes: {income: towns.salary, orders.count: {count: orders}}
"""
    folder = written(
        tmp_path,
        people="id,town\n1,x\n2,z\n",
        towns="code,salary\nx,100\n",
        users="account,person,role\n7,1,owner\n7,2,user\n8,2,owner\n",
        orders="account\n7\n7\n8\n9\n",
    )
    records, report = await loaded(folder, text)
    assert problems(report) == ["orders.csv:5: `users.person` names no customer"]
    assert records.profile("B1") == {"income": 100.0, "orders.count": 2}
    assert records.profile("B2") == {"orders.count": 1}


async def test_rows_of_a_stranger_are_named_and_left_out(tmp_path: Path) -> None:
    text = """
tables: {people: {file: people.csv}, orders: {file: orders.csv, customer: person}}
customers: {table: people, id: id, attributes: {orders.count: {count: orders}}}
"""
    _, report = await loaded(written(tmp_path, people=PEOPLE, orders="person\nC1\nC9\n"), text)
    assert problems(report) == ["orders.csv:3: belongs to no customer of this load"]


HOLDINGS = """
tables: {people: {file: people.csv}, orders: {file: orders.csv, customer: person}}
customers: {table: people, id: id}
products: [{table: orders, product: product, opened_on: opened, closed_on: closed}]
"""


async def test_product_is_held_from_its_first_day_until_before_its_last(tmp_path: Path) -> None:
    orders = (
        "person,product,opened,closed\nC1,account,2020-01-01,\nC1,card,2020-01-01,2026-01-31\nC2,card,2026-02-01,\n"
    )
    records, report = await loaded(written(tmp_path, people=PEOPLE, orders=orders), HOLDINGS)
    assert problems(report) == []
    assert (records.profile("C1"), records.profile("C2")) == ({"holds": ("account",)}, {"holds": ()})


async def test_product_that_the_catalogue_does_not_know_is_named(tmp_path: Path) -> None:
    _, report = await loaded(
        written(tmp_path, people=PEOPLE, orders="person,product,opened,closed\nC1,boat,,\n"), HOLDINGS
    )
    assert problems(report) == ["orders.csv:2: `product` must be one of account, card"]


async def test_sets_without_a_source_stay_unknown(tmp_path: Path) -> None:
    text = "tables: {people: {file: people.csv}}\ncustomers: {table: people, id: id}"
    records, _ = await loaded(written(tmp_path, people=PEOPLE), text)
    assert records.profile("C1") == {}


async def test_set_with_a_source_is_empty_where_the_source_says_nothing(tmp_path: Path) -> None:
    text = "tables: {people: {file: people.csv}}\ncustomers: {table: people, id: id, segments: {column: s, split: '|'}}"
    records, _ = await loaded(written(tmp_path, people="id,s\nC1,private|mass\nC2,\n"), text)
    assert (records.profile("C1"), records.profile("C2")) == ({"segments": ("mass", "private")}, {"segments": ()})


async def test_identity_that_two_customers_share_names_both(tmp_path: Path) -> None:
    text = """
tables: {people: {file: people.csv}, orders: {file: orders.csv, customer: person}}
customers: {table: people, id: id}
identities:
  - {table: orders, scheme: account_number, value: account}
  - {table: orders, scheme: card_token, value: {column: card, prefix: tok_}}
"""
    orders = "person,account,card\nC2,7,2\nC1,7,1\nC1,8,\nC1,7,1\n"
    records, report = await loaded(written(tmp_path, people=PEOPLE, orders=orders), text)
    assert records.customers_by_identity == {
        Identity("account_number", "7"): ("C1", "C2"),
        Identity("account_number", "8"): ("C1",),
        Identity("card_token", "tok_1"): ("C1",),
        Identity("card_token", "tok_2"): ("C2",),
    }
    assert report.shared_identities == 1


CONSENT = """
tables: {{people: {{file: people.csv}}}}
customers: {{table: people, id: id}}
consent: {{table: people, purposes: {{marketing: {cell}}}, profiling_objection: objection}}
"""


@pytest.mark.parametrize(
    ("cell", "words", "allowed"),
    [
        ("{column: m, split: '|'}", ["atm", ""], [{"atm": True, "branch": False}, None]),
        ("m", ["true", "false"], [{"atm": True, "branch": True}, {"atm": False, "branch": False}]),
        ("{column: m, codes: {J: true, N: false}}", ["J", ""], [{"atm": True, "branch": True}, None]),
        ("{constant: [branch]}", ["", ""], [{"atm": False, "branch": True}] * 2),
    ],
)
async def test_consent_is_a_list_of_channels_or_yes_or_no(
    tmp_path: Path, cell: str, words: list[str], allowed: list[dict[str, bool] | None]
) -> None:
    people = f"id,m,objection\nC1,{words[0]},false\nC2,{words[1]},true\n"
    records, report = await loaded(written(tmp_path, people=people), CONSENT.format(cell=cell))
    assert problems(report) == []
    consents = [records.consent(customer) for customer in ("C1", "C2")]
    assert [consent.allowed_by_purpose.get("marketing") for consent in consents] == allowed
    assert [consent.profiling_objection for consent in consents] == [False, True]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("attributes: {agee: id}", "unknown attribute `agee`; did you mean `age`?"),
        (
            "attributes: {age: {column: id, date: YYYYMMDD}}",
            "`age` is no date; `until_as_of: years` makes a number of a date",
        ),
        ("attributes: {kind: {column: id, times: 2}}", "`kind` is no number, so `times` does not fit it"),
        ("attributes: {kind: {count: orders}}", "`count` does not make a category, which `kind` is"),
        ("attributes: {age: {count: order}}", "unknown table `order`; did you mean `orders`?"),
        (
            "attributes: {age: {count: orders, where: {oops: 1}}}",
            "unknown column of orders.csv `oops`; there is `person`",
        ),
        ("segments: towns.size", "unknown column of people.csv `towns.size`; there is `id`"),
    ],
)
async def test_mapping_that_does_not_fit_writes_nothing(tmp_path: Path, line: str, named: str) -> None:
    text = (
        "tables: {people: {file: people.csv}, orders: {file: orders.csv, customer: person}}\n"
        f"customers: {{table: people, id: id, {line}}}\n"
    )
    with pytest.raises(MappingErrors) as caught:
        await loaded(written(tmp_path, people=PEOPLE, orders="person\n"), "\n" + text)
    place, _, message = str(caught.value).partition(": ")
    assert place.startswith("mapping.yaml:3:")
    assert message == named


@pytest.mark.parametrize("name", ["customer id", "row number", "index", "position", "file"])
async def test_columns_may_be_called_anything(tmp_path: Path, name: str) -> None:
    text = (
        f"tables: {{people: {{file: people.csv}}}}\ncustomers: {{table: people, id: {name}, attributes: {{age: age}}}}"
    )
    records, report = await loaded(written(tmp_path, people=f"{name},age\nC1,40\n"), text)
    assert (records.profile("C1"), problems(report)) == ({"age": 40}, [])


async def test_forgotten_objections_to_profiling_are_a_finding(tmp_path: Path) -> None:
    """A guard reads them: unknown, they turn every theme and trigger off."""
    guard = "{guard: objected, title: Objected, effect: no_profiling, when: {consent.profiling_objection: true}}"
    rules = {**RULES, "policy/guards.yaml": RULES["policy/guards.yaml"] + f"  - {guard}\n"}
    guarded = Target.of(compile_bundle({name: text.encode() for name, text in rules.items()}).plan)
    written(tmp_path, people="id,age,income\nC1,40,5\n", orders="person\n")
    consent = "consent: {table: people, purposes: {marketing: {constant: true}}"

    async def told(tail: str, rules: Target = guarded) -> list[str]:
        job = Load(
            mapping=mapping(MAPPING + consent + tail),
            folder=tmp_path,
            target=rules,
            ruleset="sha256:0",
            staging=tmp_path / "staging",
            now=NOW,
            progress=lambda _doing, _done: None,
        )
        return problems(await job.run(None))

    line = len(MAPPING.splitlines()) + 1
    assert await told("}") == [
        f"mapping.yaml:{line}: `profiling_objection` is not mapped, so all themes and triggers are off for everybody: "
        "map it, or state `{constant: false}`"
    ]
    assert await told(", profiling_objection: {constant: false}}") == []
    assert await told("}", target()) == []


def test_values_that_the_mapping_writes_are_blamed_on_its_own_lines(tmp_path: Path) -> None:
    """Once each, before a row is read."""
    written(tmp_path, people="id,age,income\nC1,40,5\nC2,40,5\n", orders="person\n")
    text = MAPPING.replace("income: income", "staff: {column: age, codes: {x: ja, y: true}}")
    text += "  segments: {column: age, bands: [{below: 30, value: masss}, {value: private}]}\n"
    text += "products: [{table: orders, product: {column: person, codes: {\n  G: card,\n  S: cart}}}]\n"
    text += "events: [{table: orders, at: person, event: {column: person, codes: {P: paymint}}}]\n"
    with pytest.raises(MappingErrors) as refused:
        bind(mapping(text), tmp_path, target())
    first = len(MAPPING.splitlines())
    told = [(each.span.line, str(each).partition(": ")[2]) for each in refused.value.diagnostics]
    assert told == [
        (first, "unknown value of `staff` `ja`; there are `0`, `1`, `false`, `true`"),
        (first + 1, "unknown value of `segments` `masss`; did you mean `mass`?"),
        (first + 4, "unknown product `cart`; did you mean `card`?"),
        (first + 5, "unknown event `paymint`; did you mean `payment`?"),
    ]
