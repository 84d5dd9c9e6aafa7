"""The catalogue by which a bank's own table is read, without any other rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.compiler.bank_file import read_bank
from engine.compiler.catalogue import read_catalogue
from engine.compiler.form import Form
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import ParseError, Scalar, parse
from engine.compiler.problem_list import Problems
from engine.errors import RuleErrors
from engine.facts import ProfileSchema
from models.errors import TrainingRefused

_BESIDE: Final = "bank.yaml"
_ANY_BANK: Final = b"bank: own\nname: Own\ncurrency: EUR\ntime_zone: UTC\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCatalogue:
    """What a table of interactions may hold."""

    schema: ProfileSchema
    positives: Mapping[str, str]
    """For each channel the outcome that counts as a positive answer."""
    group_by_product: Mapping[str, str]


def read_own_catalogue(file: Path) -> OwnCatalogue:
    """Read a catalogue; the currency, which scales money, is that of a `bank.yaml` beside it, or has two decimals.

    Raises:
        TrainingRefused: the file cannot be read.
        RuleErrors: with all that is wrong with it.
    """
    problems = Problems()
    root = _parsed(file, _content(file), problems)
    beside = file.with_name(_BESIDE)
    bank_root = _parsed(beside, _content(beside) if beside.is_file() else _ANY_BANK, problems)
    if root is not None and bank_root is not None:
        bank = read_bank(Form(bank_root, problems, "bank.yaml"))
        catalogue, schema = read_catalogue(Form(root, problems, "catalogue.yaml"), bank)
        if not problems.has_errors:
            return OwnCatalogue(schema=schema, positives=catalogue.positives, group_by_product=_groups(root))
    raise RuleErrors(problems.sorted())


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise TrainingRefused(f"the catalogue `{file}` cannot be read: {error.strerror}") from error


def _parsed(file: Path, content: bytes, problems: Problems) -> MappingNode | None:
    try:
        return parse(str(file), content)
    except ParseError as error:
        problems.refuse(error.diagnostics)
        return error.root


def _groups(root: MappingNode) -> dict[str, str]:
    products = root.get("products")
    if not isinstance(products, MappingNode):
        return {}
    named = {
        entry.key.text: entry.value.get("group") for entry in products.entries if isinstance(entry.value, MappingNode)
    }
    return {product: group.text for product, group in named.items() if isinstance(group, Scalar)}
