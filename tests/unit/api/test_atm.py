"""GET /atm: the machine's page, its files, and the pack that it keeps."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from api.access.demo_keys import ATM_KEY
from api.kiosk.pack import GOOD_FOR, offline_pack
from api.kiosk.seal import Seal
from api.routes.atm import CHANNEL
from api.web.files import read_files
from engine.ids import ChannelId
from tests.unit.api.shells import KEYS, running, starter_plan

NOW = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


def see_that_it_is_signed(pack: dict[str, str], public: str) -> None:
    """As the machine does."""
    key = load_der_public_key(base64.b64decode(public))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    numbers = base64.b64decode(pack["signature"])
    signature = encode_dss_signature(int.from_bytes(numbers[:32]), int.from_bytes(numbers[32:]))
    key.verify(signature, base64.b64decode(pack["content"]), ec.ECDSA(SHA256()))


async def test_page_pins_the_key_that_signs_the_pack() -> None:
    async with running() as house:
        page = await house.client.get("/atm")
        pack = (await house.client.get("/atm/pack.json")).json()
    told = json.loads(page.text.split('<script id="page" type="application/json">')[1].split("</script>")[0])
    see_that_it_is_signed(pack, told["key"])
    assert told["demonstration"] is False
    assert "simulated" not in page.text.split("</head>")[1]


def test_pack_holds_the_placements_own_words_for_thirty_days() -> None:
    seal = Seal(KEYS.token)
    first = offline_pack(starter_plan(), CHANNEL, seal, NOW)
    content = json.loads(base64.b64decode(json.loads(first)["content"]))
    assert content["placements"]["idle_screen"]["headline"] == "Welcome to Harbour & Vale"
    assert set(content["placements"]) == {"idle_screen", "waiting_screen", "receipt"}
    issued, until = (datetime.fromisoformat(content[name]) for name in ("issued_at", "valid_until"))
    assert until - issued == GOOD_FOR
    assert first == offline_pack(starter_plan(), CHANNEL, seal, NOW + timedelta(minutes=30))
    assert first != offline_pack(starter_plan(), CHANNEL, seal, NOW + timedelta(hours=1))


def test_bank_without_machines_has_an_empty_pack() -> None:
    content = json.loads(
        base64.b64decode(json.loads(offline_pack(starter_plan(), ChannelId("kiosk"), Seal(b"s" * 32), NOW))["content"])
    )
    assert content["placements"] == {}


def test_keys_of_two_installations_differ_and_one_installation_has_one() -> None:
    assert Seal(b"a" * 32).public == Seal(b"a" * 32).public
    assert Seal(b"a" * 32).public != Seal(b"b" * 32).public
    pack = json.loads(offline_pack(starter_plan(), CHANNEL, Seal(b"a" * 32), NOW))
    with pytest.raises(InvalidSignature):
        see_that_it_is_signed(pack, Seal(b"b" * 32).public)


async def test_page_allows_its_worker_and_nothing_inline() -> None:
    async with running() as house:
        policy = (await house.client.get("/atm")).headers["content-security-policy"]
    assert "worker-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_key_of_the_demonstrations_machine_is_given_to_nobody_elsewhere(tmp_path: Path) -> None:
    (tmp_path / ATM_KEY).write_text('{"machine": "nbk_x"}')
    async with running(data_dir=tmp_path) as house:
        assert (await house.client.get("/atm/key.json")).status_code == 404
    async with running(data_dir=tmp_path, demonstration=True) as house:
        assert (await house.client.get("/atm/key.json")).json() == {"machine": "nbk_x"}


async def test_worker_may_keep_the_page_itself() -> None:
    async with running() as house:
        worker = await house.client.get("/atm/worker.js")
        module = await house.client.get("/atm/machine.js")
        other = await house.client.get("/atm/seal.py")
    assert worker.headers["service-worker-allowed"] == "/atm"
    assert "service-worker-allowed" not in module.headers
    assert other.status_code == 404


def test_worker_keeps_every_file_of_the_page() -> None:
    """A module that it forgets would leave the screen dark on the day on which the service is away."""
    kept = read_files("atm")["worker.js"].body.decode()
    assert all(f'"{name}"' in kept for name in read_files("atm") if name != "worker.js")
