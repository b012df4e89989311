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
from bncheck.report.model import InputReport, PassOfInput, PassReport, Report


def gradcheck_document(report: Report, worst: int) -> str:
    """A Report as bncheck/gradcheck/1, with so many entries of each check that did not pass."""
    return _document(
        "gradcheck",
        verdict=report.verdict,
        seed=report.seed,
        rtol=report.rtol,
        method=report.method,
        inputs=[_input(each, worst) for each in report.inputs],
        not_loaded=[
            {"layer": each.layer, "message": each.message, "help": each.help}
            for each in report.not_loaded
        ],
    )


def pass_document(report: PassReport) -> str:
    """A PassReport as bncheck/forward/1, bncheck/eval/1 or bncheck/backward/1."""
    return _document(
        report.command,
        alpha=report.alpha,
        eps=report.eps,
        inputs=[_pass(each) for each in report.inputs],
    )


def error_document(error: InputError) -> str:
    """An error as bncheck/error/1."""
    return _document("error", error={"message": error.message, "help": error.help})


def _document(kind: str, **content: Any) -> str:
    whole = {"schema": f"bncheck/{kind}/1", "version": __version__, **content}
    return json.dumps(_finite(whole), indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """The same with null for each number that is not finite."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _input(report: InputReport, worst: int) -> dict[str, Any]:
    return {
        "input": report.input,
        "shape": list(report.shape),
        "dtype": report.dtype,
        "mode": report.mode,
        "layer": report.layer,
        "verdict": report.verdict,
        "rows_sampled": report.rows_sampled,
        "checks": [_check(check, report.names, worst) for check in report.checks],
        "notes": [
            {
                "code": note.code,
                "check": note.check,
                "message": note.message,
                "meant": note.meant,
                "place": note.place,
                "source": note.source,
            }
            for note in report.notes
        ],
    }


def _check(check: Comparison, names: tuple[str, ...] | None, worst: int) -> dict[str, Any]:
    document = {
        "name": check.name,
        "against": check.against,
        "shape": list(check.shape),
        "compared": check.compared,
        "failed": check.failed,
        "undecided": check.undecided,
        "verdict": check.verdict,
        "max_abs_error": check.max_abs_error,
        "max_rel_error": check.max_rel_error,
        "uncertainty": check.uncertainty,
        "tolerance": check.tolerance,
        "worst": None if check.worst is None else _entry(check.worst),
    }
    if not check.passed:
        entries = worst_entries(check, worst, names)
        document["worst_entries"] = [_entry(entry) for entry in entries]
    return document


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "row": entry.row,
        "feature": entry.feature,
        "name": entry.name,
        "analytic": entry.analytic,
        "numeric": entry.numeric,
        "rel_error": entry.rel_error,
        "uncertainty": entry.uncertainty,
    }


def _pass(report: PassOfInput) -> dict[str, Any]:
    columns = {name: [float(x) for x in values] for name, values in report.features.items()}
    return {
        "input": report.input,
        "shape": list(report.shape),
        "mode": report.mode,
        "layer": report.layer,
        "features": [
            {
                "feature": feature,
                "name": report.names[feature] if report.names else None,
                **{name: values[feature] for name, values in columns.items()},
            }
            for feature in range(report.shape[1])
        ],
    }
