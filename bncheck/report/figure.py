"""The error map and the step-size curve as a figure, for a report or a paper.

Needs matplotlib, which comes with ``pip install 'bncheck[figure]'``.
"""

import io
import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bncheck.batchnorm.quantities import is_per_feature
from bncheck.compare.comparison import Comparison
from bncheck.errors import InputError
from bncheck.files.destinations import ending_of
from bncheck.report.details import NO_CURVE, NO_ENTRIES, drawable, has_no_entries
from bncheck.report.heatmap import cell_size, downsample, errors_of, thresholds
from bncheck.report.model import InputReport, Report, StepCurve
from bncheck.wording import one_line, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MOST_LINES, MOST_COLUMNS = 60, 600
"""Larger maps are downsampled to this, lest a single wrong entry is lost between the pixels."""

MOST_NAMES = 30

WIDTH, HEIGHT = 11, 4.2
"""Inches, for each input."""

SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "bncheck",  # else ids are drawn at random
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.size": 9,
}

NO_DATE = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
"""By ending, the metadata that would make each file of the same figure a different one."""

OKABE_BLUE, OKABE_ORANGE = "#0072B2", "#D55E00"
"""Told apart by everybody, in grey too: M. Okabe, K. Ito, "Color Universal Design" (2008)."""

ACCEPTED, INFINITE, UNKNOWN = "0.95", OKABE_ORANGE, "0.7"
"""Colours of errors within the tolerance, of infinite ones, and of what nothing is known of."""


def require_matplotlib(path: str) -> None:
    """Make sure that a figure can be drawn in a file of this name, and matplotlib be silent.

    Raises
    ------
    InputError
        Where matplotlib is missing, or the ending is none of `NO_DATE`.
    """
    ending_of(path, *NO_DATE)
    # Where it has no home to write to, it tells of the folder that it takes instead.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it has too new a version of
            import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise InputError(
            "a figure needs matplotlib, which is not installed", "pip install 'bncheck[figure]'"
        ) from error


def figure(report: Report, path: str) -> bytes:
    """Return the content of a file of this name: one row of two pictures for each input.

    The same report always gives the same bytes.
    """
    import matplotlib

    ending = ending_of(path, *NO_DATE)
    stream = io.BytesIO()
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font does not have
        drawing = _drawing(report)
        drawing.savefig(stream, format=ending[1:], dpi=160, metadata=NO_DATE[ending])
    return stream.getvalue()


def _drawing(report: Report) -> "Figure":
    # Without pyplot: no window, no display, nothing left behind.
    from matplotlib.figure import Figure

    rows = len(report.inputs)
    drawing = Figure(figsize=(WIDTH, HEIGHT * rows), layout="constrained")
    for each, (part,) in zip(
        report.inputs, drawing.subfigures(rows, 1, squeeze=False), strict=True
    ):
        left, right = part.subplots(1, 2)
        _draw_errors(part, left, each)
        _draw_curve(right, each.curve)
        title = f"{one_line(each.input)}, {one_line(each.layer)}: {each.verdict}"
        part.suptitle(title, parse_math=False)
    return drawing


def _draw_errors(part: "SubFigure", axes: "Axes", report: InputReport) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    checks = drawable(report)
    if not checks:
        nothing = "nothing to draw: no array of errors decides the verdict"
        _say(axes, NO_ENTRIES if has_no_entries(report) else nothing)
        return
    check = checks[0]
    errors = errors_of(check)
    lines, columns = errors.shape
    largest = downsample(errors, *cell_size(errors, MOST_LINES, MOST_COLUMNS))
    infinite = np.isinf(largest)
    lowest, *_ = *thresholds(largest, check.tolerance), check.tolerance
    highest = float(largest[np.isfinite(largest)].max(initial=10 * lowest))
    shown = np.where(infinite, 10 * highest, np.fmax(largest, lowest / 10))
    image = axes.imshow(
        np.where(np.isnan(largest), np.nan, shown),
        aspect="auto",
        interpolation="nearest",
        norm=LogNorm(lowest, highest),
        cmap=colormaps["cividis_r"].with_extremes(under=ACCEPTED, over=INFINITE, bad=UNKNOWN),
        extent=(-0.5, columns - 0.5, lines - 0.5, -0.5),
    )
    extend: Literal["min", "both"] = "both" if infinite.any() else "min"
    part.colorbar(image, ax=axes, extend=extend, label="error in units of the feature's scale")
    axes.set_title(f"{check.name}, error", loc="left")
    _label(axes, check, report.names or [str(feature) for feature in range(lines)])


def _label(axes: "Axes", check: Comparison, names: Sequence[str]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if is_per_feature(check.name):
        axes.set_xlabel("feature")
        axes.set_yticks([])
        return
    axes.set_xlabel("row")
    axes.set_ylabel("feature")
    if len(names) <= MOST_NAMES:
        axes.set_yticks(range(len(names)), list(map(one_line, names)), parse_math=False)


def _draw_curve(axes: "Axes", curve: StepCurve | None) -> None:
    if curve is None:
        _say(axes, NO_CURVE)
        return
    both = np.stack([curve.central, curve.richardson])
    if not (np.isfinite(both) & (both > 0)).any():
        _say(axes, "no step-size curve: no error is above 0 and finite")
        return
    for errors, name, style, colour in (
        (curve.central, "central difference", "o-", OKABE_BLUE),
        (curve.richardson, "Richardson's extrapolation", "x--", OKABE_ORANGE),
    ):
        shown = np.isfinite(errors) & (errors > 0)
        axes.loglog(
            curve.steps[shown], errors[shown], style, color=colour, markersize=4, label=name
        )
    axes.axvline(curve.chosen, color="0.4", linestyle=":", label="step of the check")
    axes.set_xlim(curve.steps[0] / 2, curve.steps[-1] * 2)
    axes.set_xlabel("step in units of the column's length")
    axes.set_ylabel("error in units of the feature's scale")
    entry = place(curve.feature, curve.name, curve.row)
    axes.set_title(f"finite differences of dLdZ, {entry}", loc="left", parse_math=False)
    axes.legend(frameon=False)


def _say(axes: "Axes", text: str) -> None:
    axes.axis("off")
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
