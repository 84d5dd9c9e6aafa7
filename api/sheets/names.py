"""What the cells of a workbook may name: actions, facts, events and the like of the exported folder."""

from collections.abc import Mapping

from api.sheets.forms import Form, show
from api.sheets.tables import Document
from api.sheets.yaml_nodes import Map, Node, find


def names_of(docs: Mapping[str, Document]) -> dict[str, list[str]]:
    """What may be named, by kind."""
    channels = _keys(docs, "channels.yaml", "channels")
    placements, moments = [], {}
    for channel in channels:
        own = docs["channels.yaml"].root
        placements += [f"{channel}.{each}" for each in _keys_at(find(own, ("channels", channel, "placements")))]
        moments.update(dict.fromkeys(_keys_at(find(own, ("channels", channel, "moments")))))
    actions, themes, triggers = (
        [show(Form.WORD, doc.root.get(kind)) for name, doc in docs.items() if name.startswith(f"{folder}/")]
        for folder, kind in (("actions", "action"), ("thematic", "theme"), ("customized", "trigger"))
    )
    groups = [show(Form.WORD, doc.root.get("group")) for name, doc in docs.items() if name.startswith("actions/")]
    return {
        "actions": actions,
        "groups": sorted(set(groups) - {""}),
        "themes": themes,
        "triggers": triggers,
        "rules": [
            f"{kind}/{each}"
            for kind, found in (("action", actions), ("theme", themes), ("trigger", triggers))
            for each in found
        ],
        "products": _keys(docs, "catalogue.yaml", "products"),
        "channels": channels,
        "placements": placements,
        "moments": list(moments),
        "facts": [
            name for part in ("attributes", "calculated", "context") for name in _keys(docs, "catalogue.yaml", part)
        ],
        "events": _keys(docs, "catalogue.yaml", "events"),
    }


def _keys(docs: Mapping[str, Document], file: str, key: str) -> list[str]:
    return _keys_at(docs[file].root.get(key)) if file in docs else []


def _keys_at(node: Node | None) -> list[str]:
    return [entry.key.text for entry in node.entries] if isinstance(node, Map) else []
