"""Finds formulas and merged cells in packed sheets at a glance: opening a workbook takes longer than refusing it."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import unescape

from api.sheets.layout import SHEET_BY_NAME
from api.sheets.problems import Problem, Spot, formula_in, merged_in

_MOST: Final = 100
_SHEET: Final = re.compile(r"<sheet\b([^>]*)>")
_RELATION: Final = re.compile(r"<Relationship\b([^>]*)>")
_ATTRIBUTE: Final = re.compile(r'([\w:]+)="([^"]*)"')
_MERGED: Final = re.compile(rb'<mergeCell\b[^>]*?\bref="([A-Z]+)(\d+)(:[A-Z]+\d+)?"')
_FORMULA: Final = re.compile(rb'<c\b[^>]*?\br="([A-Z]+)(\d+)"[^>]*>\s*<f(?!(?:\s[^>]*)?>(?:TRUE|FALSE)\(\)</f>)[\s/>]')
"""All but the truth values, which LibreOffice saves as calls."""


def glance(content: bytes) -> list[Problem]:
    """The formulas and merged cells of the sheets of rules, the first hundred of them; none means nothing for sure.

    The archive has passed `check_archive`.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = []
        for name, part in _parts(archive):
            if name in SHEET_BY_NAME:
                sheet = archive.read(part)
                found += [
                    merged_in(Spot(name, int(row), column.decode()), f"{column.decode()}{row.decode()}{rest.decode()}")
                    for column, row, rest in _MERGED.findall(sheet)
                ]
                found += [formula_in(Spot(name, int(row), column.decode())) for column, row in _FORMULA.findall(sheet)]
    return found[:_MOST]


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """The sheets of a workbook by name, each with its part of the archive."""
    names = set(archive.namelist())
    if "xl/_rels/workbook.xml.rels" not in names:
        return
    relations = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", errors="replace")
    target_by_id = {
        each.get("Id", ""): each.get("Target", "") for each in map(_attributes, _RELATION.findall(relations))
    }
    for text in _SHEET.findall(archive.read("xl/workbook.xml").decode("utf-8", errors="replace")):
        sheet = _attributes(text)
        target = target_by_id.get(sheet.get("r:id", ""), "")
        part = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
        if part in names:
            yield sheet.get("name", ""), part


def _attributes(text: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(text)}
