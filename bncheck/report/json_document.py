"""Results as JSON documents, for scripts.

Numbers that are not finite are null. Keys are only added within a schema's version.
"""

import json
import math
from typing import Any

from bncheck import __version__
from bncheck.compare.claims import worst_entries
from bncheck.compare.comparison import Comparison, Entry
from bncheck.errors import InputError
from bncheck.report.model import WORST, InputReport, PassOfInput, PassReport, Report


def gradcheck_document(report: Report, worst: int | None = None) -> str:
    """Return a Report as bncheck/gradcheck/1.

    It has so many of the worst entries of each check that did not pass; `WORST` for None.
    """
    count = WORST if worst is None else worst
    return _document(
        "gradcheck",
        **_picked(report, "verdict", "seed", "rtol", "method"),
        inputs=[_input(each, count) for each in report.inputs],
        not_loaded=[_picked(each, "layer", "message", "help") for each in report.not_loaded],
    )


def pass_document(report: PassReport) -> str:
    """Return a PassReport as bncheck/forward/1, bncheck/eval/1 or bncheck/backward/1."""
    return _document(
        report.command,
        **_picked(report, "alpha", "eps"),
        inputs=[_pass(each) for each in report.inputs],
    )


def error_document(error: InputError) -> str:
    """Return an error as bncheck/error/1."""
    return _document("error", error=_picked(error, "message", "help"))


def _document(kind: str, **content: Any) -> str:
    whole = {"schema": f"bncheck/{kind}/1", "version": __version__, **content}
    return json.dumps(_finite(whole), indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Replace each number that is not finite by null."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _picked(thing: object, *names: str) -> dict[str, Any]:
    """Return attributes of a result, in this order: new attributes are no new keys."""
    return {name: getattr(thing, name) for name in names}


def _input(report: InputReport, worst: int) -> dict[str, Any]:
    return {
        "input": report.input,
        "shape": report.shape,
        **_picked(report, "dtype", "mode", "layer", "verdict", "rows_sampled"),
        "checks": [_check(check, report.names, worst) for check in report.checks],
        "notes": [
            _picked(note, "code", "check", "message", "meant", "place", "source")
            for note in report.notes
        ],
    }


def _check(check: Comparison, names: tuple[str, ...] | None, worst: int) -> dict[str, Any]:
    document = {
        **_picked(check, "name", "against", "shape", "compared", "failed", "undecided", "verdict"),
        **_picked(check, "max_abs_error", "max_rel_error", "uncertainty", "tolerance"),
        "worst": None if check.worst is None else _entry(check.worst),
    }
    if not check.passed:
        document["worst_entries"] = list(map(_entry, worst_entries(check, worst, names)))
    return document


def _entry(entry: Entry) -> dict[str, Any]:
    return _picked(
        entry, "row", "feature", "name", "analytic", "numeric", "rel_error", "uncertainty"
    )


def _pass(report: PassOfInput) -> dict[str, Any]:
    columns = {name: [float(x) for x in values] for name, values in report.features.items()}
    return {
        **_picked(report, "input", "shape", "mode", "layer"),
        "features": [
            {
                "feature": feature,
                "name": report.names[feature] if report.names else None,
                **{name: values[feature] for name, values in columns.items()},
            }
            for feature in range(report.shape[1])
        ],
    }
