"""The report of a model as one page: the card first, then figures and plots. It needs nothing but itself."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from models.artefact import Manifest
from models.evaluation import plots
from models.evaluation.judging import Judged

_MOST_FEATURES: Final = 20
_UNTOLD: Final = "\N{EN DASH}"
"""Of what too little is known."""
_WAYS: Final[Mapping[str, str]] = defaultdict(
    str, {"none": "nothing", "platt": "a curve", "platt_by_action": "a curve and shifts"}
)
"""Ways to calibrate, for a person."""


def page(version: str, manifest: Manifest, judged: Judged, *, title: str) -> str:
    """The page's HTML.

    Raises:
        ModelRefused: the plotting library is not installed.
    """
    shares = sorted(manifest.training.gain_share.items(), key=lambda each: -each[1])[:_MOST_FEATURES]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"day": _day, "percent": _percent, "figure": _figure, "code": _code}
    template = environment.from_string((files("models.evaluation") / "page.html").read_text(encoding="utf-8"))
    return template.render(
        title=title,
        version=version,
        manifest=manifest,
        training=manifest.training,
        platt=manifest.learned.platt,
        ways=_WAYS,
        judged=judged,
        study=judged.study,
        drift=judged.drift,
        fairness=judged.fairness,
        findings=judged.findings(),
        notes=judged.fairness.notes(),
        plots={
            "gains": Markup(plots.gains(judged.study)),  # noqa: S704 - matplotlib's own SVG
            "reliability": Markup(plots.reliability(judged.study)),  # noqa: S704
            "weeks": Markup(plots.weeks(judged.study)),  # noqa: S704
            "calibration": Markup(plots.calibration_by_week(judged.study)),  # noqa: S704
            "actions": Markup(plots.actions(judged.study)),  # noqa: S704
            "importance": Markup(plots.importance(shares)),  # noqa: S704
        },
    )


def _day(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}"


def _code(sentence: str) -> Markup:
    """A sentence whose names in backticks are set as such."""
    parts = [escape(part) for part in sentence.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%" if share == share else _UNTOLD  # noqa: PLR0124 - NaN


def _figure(value: float | None, digits: int = 3) -> str:
    return _UNTOLD if value is None or value != value else f"{value:.{digits}f}"  # noqa: PLR0124 - NaN
