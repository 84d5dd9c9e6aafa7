"""What the generator reads from the rule files, as data: offers, attributes, events, channels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

CHANNELS = ("atm", "web", "branch", "phone", "pc")  # those the hidden world knows how to answer on


class CannotBuildBank(Exception):
    """Says in one sentence why no bank can be made from what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A commercial action: what it gives and what one conversion is worth, in pounds."""

    action: str
    group: str
    product: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    channel: str
    name: str
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Offers and placements in a fixed order; attributes map to their type, events to their source."""

    offers: tuple[Offer, ...]
    placements: tuple[Placement, ...]
    attributes: Mapping[str, str]
    products: tuple[str, ...]
    event_sources: Mapping[str, str]
    segments: tuple[str, ...]
    groups: tuple[str, ...]

    def fingerprint(self) -> str:
        """A hash of what was read, so that a new headline does not make a new bank but a new value does."""
        text = json.dumps(asdict(self), sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def read_rulebook(folder: Path) -> Rulebook:
    """Read the catalogue, the channels and the actions below `folder`.

    Raises:
        CannotBuildBank: a file is missing or damaged, or there is no offer to make.
    """
    catalogue = _mapping(folder / "catalogue.yaml")
    attributes = _section(catalogue, "attributes")
    products = tuple(_section(catalogue, "products"))
    return Rulebook(
        offers=_offers(folder, products),
        placements=_placements(_mapping(folder / "channels.yaml")),
        attributes={name: str(spec["type"]) for name, spec in attributes.items()},
        products=products,
        event_sources={name: str(spec["source"]) for name, spec in _section(catalogue, "events").items()},
        segments=_words(catalogue, "segments"),
        groups=_words(catalogue, "groups"),
    )


def check_known_names(rulebook: Rulebook, products: Iterable[str], events: Iterable[str]) -> None:
    """Raises `CannotBuildBank` when the catalogue lacks a product or an event that the generated history is made of."""
    for kind, wanted, known in (("product", products, rulebook.products), ("event", events, rulebook.event_sources)):
        lacking = sorted(set(wanted) - set(known))
        if lacking:
            raise CannotBuildBank(f"the catalogue lacks the {kind} `{lacking[0]}`, which the demonstration bank needs")
    if not rulebook.segments:
        raise CannotBuildBank("the catalogue names no `segments`, and the demonstration bank needs at least one")


def _mapping(path: Path) -> dict[str, object]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_bytes())
    except OSError as err:
        raise CannotBuildBank(f"`{path}` cannot be read: {err.strerror or err}") from err
    except YAMLError as err:
        raise CannotBuildBank(f"`{path}` is not valid YAML; `nextbest check` says where") from err
    if not isinstance(content, dict):
        raise CannotBuildBank(f"`{path}` holds no mapping of keys to values")
    return content


def _section(content: Mapping[str, object], key: str) -> dict[str, dict[str, object]]:
    section = content.get(key)
    if not isinstance(section, dict) or not section:
        raise CannotBuildBank(f"the catalogue has no `{key}`")
    return section


def _words(content: Mapping[str, object], key: str) -> tuple[str, ...]:
    words = content.get(key, [])
    if not isinstance(words, list):
        raise CannotBuildBank(f"`{key}` of the catalogue is not a list")
    return tuple(map(str, words))


def _offers(folder: Path, products: tuple[str, ...]) -> tuple[Offer, ...]:
    files = sorted((folder / "actions").glob("*.yaml"))
    offers = [_offer(content, products) for content in map(_mapping, files) if content.get("tier", "offer") == "offer"]
    if len(offers) < 2:
        raise CannotBuildBank(
            f"`{folder / 'actions'}` holds {len(offers)} offers; a bank with a choice needs 2 or more"
        )
    return tuple(sorted(offers, key=lambda offer: offer.action))


def _offer(content: Mapping[str, object], products: tuple[str, ...]) -> Offer:
    action, product = str(content.get("action")), str(content.get("gives"))
    if product not in products:
        raise CannotBuildBank(f"offer `{action}` gives `{product}`, which is not a product of the catalogue")
    return Offer(
        action=action, group=str(content.get("group")), product=product, value=_pounds(action, content.get("value"))
    )


def _pounds(action: str, value: object) -> float:
    """The value as a number; of a table, its last, unconditional row."""
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("then")
    try:
        pounds = float(Decimal(str(value).replace("_", "")))
    except InvalidOperation as err:
        raise CannotBuildBank(f"the value of offer `{action}` is no plain number, so no rate follows from it") from err
    if pounds <= 0:
        raise CannotBuildBank(f"the value of offer `{action}` must be above 0")
    return pounds


def _placements(content: Mapping[str, object]) -> tuple[Placement, ...]:
    placements = []
    for channel, spec in _section(content, "channels").items():
        for name, placement in _section(spec, "placements").items():
            placements.append(Placement(channel=channel, name=name, items=int(str(placement.get("items", 1)))))
    if not any(placement.channel in CHANNELS for placement in placements):
        raise CannotBuildBank(f"`channels.yaml` has no placement on any of the channels {', '.join(CHANNELS)}")
    return tuple(placement for placement in placements if placement.channel in CHANNELS)
