"""A report's plots as SVG text that stands inside a page: no script, and the page's own colour for ink."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from models.errors import ModelRefused

if TYPE_CHECKING:
    from models.evaluation.study import Bin, Study

_INK: Final = "#010203"
"""Drawn instead of the page's colour, and replaced by it."""
_COLOURS: Final = ("#2f7ed8", "#d9822b", "#5a9e6f", "#a05fb4")
"""Readable on white and on black."""


def drawn(draw: Callable[[Any], None], *, described: str, height: float = 3.2) -> str:
    """One plot as SVG; `draw` gets the axes, `described` is what a reader who does not see it is told.

    Raises:
        ModelRefused: the plotting library is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - part of an extra that not every installation has
    except ImportError as error:
        raise ModelRefused("a report with plots needs matplotlib: install nextbest with its extra `reports`") from error
    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    ink: dict[str, object] = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
    )
    style: dict[Any, Any] = ink | {
        "svg.fonttype": "none",
        "svg.hashsalt": "nextbest",
        "font.size": 9,
        "legend.framealpha": 0.0,
    }
    with mpl.rc_context(style):
        figure, axes = plt.subplots(figsize=(6.4, height))
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        figure.tight_layout()
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{described}" ', 1)


def reliability(study: Study) -> str:
    """Observed against expected rates, by tenth of the score."""

    def draw(axes: Any) -> None:
        most = max(each.expected for each in study.reliability) * 1.1
        axes.plot([0, 100 * most], [0, 100 * most], color="grey", linewidth=0.8)
        _points(axes, study.reliability, _COLOURS[0], "all contacts")
        if study.reliability_uniform:
            _points(axes, study.reliability_uniform, _COLOURS[1], "action drawn at random")
            axes.legend()
        axes.set(xlabel="expected, %", ylabel="observed, %")

    return drawn(draw, described="Observed against expected rates of positive answers, by tenth of the score")


def _points(axes: Any, bins: Sequence[Bin], colour: str, label: str) -> None:
    expected = [100 * each.expected for each in bins]
    rates = [100 * each.counted.rate for each in bins]
    below = [100 * max(0.0, each.counted.rate - each.interval[0]) for each in bins]
    above = [100 * max(0.0, each.interval[1] - each.counted.rate) for each in bins]
    axes.errorbar(expected, rates, yerr=[below, above], fmt="o", markersize=4, color=colour, label=label, linewidth=1)


def gains(study: Study) -> str:
    """Which share of the positive answers stands among the best scores."""

    def draw(axes: Any) -> None:
        axes.plot([0, 100], [0, 100], color="grey", linewidth=0.8)
        for (name, shares), colour in zip(study.gains.items(), _COLOURS, strict=False):
            axes.plot([0, *range(5, 101, 5)], [0, *(100 * share for share in shares)], label=name, color=colour)
        axes.set(xlabel="contacts with the best scores, %", ylabel="of the positive answers, %")
        axes.legend()

    return drawn(draw, described="Share of the positive answers among the contacts with the best scores")


def weeks(study: Study) -> str:
    """AUC inside each week."""

    def draw(axes: Any) -> None:
        told = [week for week in study.weeks if week.auc]
        days = [datetime.fromtimestamp(week.first_s, UTC) for week in told]
        for contender, colour in zip(study.contenders, _COLOURS, strict=False):
            axes.plot(days, [week.auc[contender.name] for week in told], "o-", markersize=3, color=colour)
            axes.plot([], [], color=colour, label=contender.name)
        axes.axhline(0.5, color="grey", linewidth=0.8)
        axes.tick_params(axis="x", rotation=30)
        axes.set(ylabel="AUC inside the week")
        axes.legend()

    return drawn(draw, described="AUC inside each week, of the model and its baselines")


def calibration_by_week(study: Study) -> str:
    """Observed over expected answers, week by week."""

    def draw(axes: Any) -> None:
        days = [datetime.fromtimestamp(week.first_s, UTC) for week in study.weeks]
        axes.axhspan(0.8, 1.25, color="grey", alpha=0.15)
        axes.axhline(1.0, color="grey", linewidth=0.8)
        axes.plot(days, [week.ratio for week in study.weeks], "o-", markersize=4, color=_COLOURS[0])
        axes.tick_params(axis="x", rotation=30)
        axes.set(ylabel="observed / expected", ylim=(0, None))

    return drawn(draw, described="Observed over expected positive answers, by week")


def actions(study: Study) -> str:
    """Observed over expected answers of each action that has enough of them."""

    def draw(axes: Any) -> None:
        told = sorted((each for each in study.actions if each.positives >= 20), key=lambda each: each.positives)
        axes.axvspan(0.8, 1.25, color="grey", alpha=0.15)
        axes.axvline(1.0, color="grey", linewidth=0.8)
        spread = [1.96 * each.ratio / each.positives**0.5 for each in told]
        ratios = [each.ratio for each in told]
        axes.errorbar(ratios, range(len(told)), xerr=spread, fmt="o", markersize=4, color=_COLOURS[0], linewidth=1)
        axes.set_yticks(range(len(told)), [each.action for each in told])
        axes.set(xlabel="observed / expected", xlim=(0, None))

    height = 1.2 + 0.2 * sum(each.positives >= 20 for each in study.actions)
    return drawn(draw, described="Observed over expected positive answers, by action", height=height)


def importance(gain_share: Sequence[tuple[str, float]]) -> str:
    """What the trees read most."""

    def draw(axes: Any) -> None:
        names = [name for name, _ in reversed(gain_share)]
        axes.barh(names, [100 * share for _, share in reversed(gain_share)], color=_COLOURS[0])
        axes.set(xlabel="of the gain, %")

    return drawn(draw, described="Features by their share of the gain", height=1.0 + 0.2 * len(gain_share))
