"""What people should know of an import beside its plan: what others did, and versions that stayed."""

from collections.abc import Mapping

from api.sheets.forms import Form, show
from api.sheets.tables import Document
from engine.compiler.documents import KINDS


def moved(base: Mapping[str, Document], present: Mapping[str, Document]) -> list[str]:
    """The files that others changed, removed or added since the export."""
    changed = [name for name, doc in base.items() if name in present and present[name].content != doc.content]
    return [
        *(f"{name} changed since the export; what the workbook did not edit stays as it is now" for name in changed),
        *(f"{name} was removed since the export" for name in base if name not in present),
        *(f"{name} is newer than the export and stays as it is" for name in present if name not in base),
    ]


def unraised(before: Mapping[str, Document], after: Mapping[str, Document]) -> list[str]:
    """A rule that changes is published under a higher version."""
    kept = [
        doc.file
        for name, doc in after.items()
        if name in before and doc.text != before[name].text and name.partition("/")[0] in KINDS
        if show(Form.WORD, doc.root.get("version")) == show(Form.WORD, before[name].root.get("version"))
    ]
    return [f"`version` is as it was in {', '.join(kept)}"] if kept else []
