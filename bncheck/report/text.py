"""Results as text for people: headline, table, notes and details of each input, closing line."""

from collections.abc import Iterator, Sequence

from bncheck.batchnorm.quantities import GRADIENTS
from bncheck.compare.comparison import Comparison, Verdict
from bncheck.numdiff import DEFINITION
from bncheck.report.model import LABELS, InputReport, Note, PassOfInput, PassReport, Report
from bncheck.report.screen import Column, Line, Part, Screen, Table
from bncheck.wording import counted, one_line, place, scientific, short, thousands

MOST_FEATURES = 20
"""A longer table shows so many features and says how many are left out."""

MOST_FINDINGS = 3
"""Of the closing line."""

STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}


def gradcheck_parts(
    report: Report,
    screen: Screen,
    *,
    worst: int | None = None,
    plot: bool = False,
    saved: Sequence[str] = (),
) -> Iterator[Part]:
    """Yield what is shown of a gradient check, laid out for a screen.

    So many of the worst entries of each check are listed, `WORST` for None where it did not pass.
    With `plot` errors and step-size curve are drawn in any case. `saved` has a line for each file
    written.
    """
    for each in report.inputs:
        yield _headline(
            each.input,
            _shape(each.shape),
            each.mode,
            each.layer,
            *([each.dtype] if each.dtype != "float64" else []),
            *([report.method] if report.method != "richardson" else []),
            f"seed {report.seed}",
        )
        yield from ("", _check_table(each.checks), "")
        for note in each.notes:
            yield from _note(note)
        if each.notes:
            yield ""
        if worst or plot or each.verdict is not Verdict.PASS:  # most checks show none of this
            from bncheck.report.details import details

            yield from details(each, screen, worst, plot=plot, alone=len(report.inputs) == 1)
    if saved:
        yield from (*saved, "")
    closing = _agreement if report.verdict is Verdict.PASS else _findings
    yield [(report.verdict, STYLES[report.verdict]), (f": {closing(report)}", "")]


def pass_parts(report: PassReport, saved: Sequence[str] = ()) -> Iterator[Part]:
    """Yield what is shown of forward, eval or backward, with a line for each file written."""
    settings = f"alpha {short(report.alpha)}", f"eps {short(report.eps)}"
    for each in report.inputs:
        yield _headline(each.input, _shape(each.shape), each.mode, each.layer, *settings)
        yield from ("", _feature_table(each))
        C = each.shape[1]
        if C > MOST_FEATURES:
            yield f" {MOST_FEATURES} of {C} features shown; all of them with --json"
        yield ""
    yield from (_done(report), *saved)


def _headline(first: str, *others: str) -> Line:
    return [(one_line(first), "bold"), ("".join(f"   {each}" for each in others), "")]


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "scalar"


def _check_table(checks: Sequence[Comparison]) -> Table:
    worst = [check.worst for check in checks]
    shown = [None if check.max_rel_error == 0 else check.worst for check in checks]
    verdicts = {each: each.upper() if each is Verdict.FAIL else each.value for each in Verdict}
    return Table(
        [
            Column("quantity", [LABELS.get(check.name, check.name) for check in checks]),
            Column("shape", [_shape(check.shape) for check in checks], spare=True),
            Column("error", [scientific(e.rel_error, 2) if e else "" for e in worst], right=True),
            Column(
                "known to",
                [scientific(check.uncertainty, 2) if check.worst else "" for check in checks],
                right=True,
            ),
            Column(
                "worst at",
                [place(e.feature, e.name, e.row) if e else "" for e in shown],
                names=True,
            ),
            Column("analytic", [scientific(e.analytic, 5) if e else "" for e in shown], right=True),
            Column("numeric", [scientific(e.numeric, 5) if e else "" for e in shown], right=True),
            Column("", [(verdicts[check.verdict], STYLES[check.verdict]) for check in checks]),
        ]
    )


def _note(note: Note) -> Iterator[Part]:
    """Yield a remark on one line, or an explanation with its place and the expected formula."""
    message = one_line(note.message)
    if note.meant is None and note.place is None:
        about = "" if note.check is None or note.check in note.message else f"{note.check}: "
        yield f"note: {about}{message}"
        return
    yield [(message, "bold")]
    if note.place is not None:
        yield from (f"  {one_line(note.place)}", f"  │ {one_line(note.source or '')}")
    if note.meant is not None:
        yield f"  = expected: {note.meant}"


def _agreement(report: Report) -> str:
    """Say what was found where every check passed."""
    checks = [check for each in report.inputs for check in each.checks]
    gradients = [check for check in checks if check.name in GRADIENTS]
    kind, counting = ("gradient entries", gradients) if gradients else ("entries", checks)
    inputs = len({each.input for each in report.inputs})
    layers = len({each.layer for each in report.inputs})
    of = f" of {counted(inputs, 'input')}" if inputs > 1 else ""
    of += f" of {counted(layers, 'layer')}" if layers > 1 else ""
    sources = {check.against.replace(DEFINITION, f"the {DEFINITION}") for check in counting}
    tolerance = max(check.tolerance for check in counting)
    rounding = ", rounding included" if tolerance > report.rtol else ""
    return (
        f"{thousands(sum(check.compared for check in counting))} {kind}{of} agree with "
        f"{' and '.join(sorted(sources))} to {short(tolerance, '.2g')} of their feature's scale"
        f"{rounding}"
    )


def _findings(report: Report) -> str:
    """Say what was found where not every check passed."""
    checks = [(each, check) for each in report.inputs for check in each.checks]
    found = [f"{one_line(each.layer)} could not be loaded" for each in report.not_loaded]
    found += [
        _finding(check, report, each) for each, check in checks if check.verdict is report.verdict
    ]
    more = [f"and {len(found) - MOST_FINDINGS} more"] if found[MOST_FINDINGS:] else []
    others = sum(check.passed for _, check in checks)
    rest = [f"{counted(others, 'other check')} passed"] if others else []
    return "; ".join([*found[:MOST_FINDINGS], *more, *rest])


def _finding(check: Comparison, report: Report, of: InputReport) -> str:
    """Say what became of one check; input and layer are named where there are several."""
    quantity = check.name
    if len({each.layer for each in report.inputs}) > 1:
        quantity += f" of {one_line(of.layer)}"
    if len({each.input for each in report.inputs}) > 1:
        quantity += f" on {one_line(of.input)}"
    if check.compared == 0:
        return f"{quantity} cannot be compared"
    failed = check.verdict is Verdict.FAIL
    entries = thousands(check.failed if failed else check.undecided)
    verb = "is wrong" if failed else "is inconclusive"
    return f"{quantity} {verb} in {entries} of {thousands(check.compared)} entries"


def _feature_table(each: PassOfInput) -> Table:
    shown = min(each.shape[1], MOST_FEATURES)
    names = (each.names or [str(feature) for feature in range(shown)])[:shown]
    return Table(
        [
            Column("feature", [one_line(name) for name in names], names=True),
            *(
                Column(
                    quantity.replace("_min", " from").replace("_max", " to"),
                    _pointed([float(x) for x in values[:shown]]),
                    right=True,
                )
                for quantity, values in each.features.items()
            ),
        ]
    )


def _pointed(numbers: Sequence[float]) -> list[str]:
    """Write numbers with five digits, and blanks that put their points below each other."""
    texts = [f"{x:#.5g}" for x in numbers]
    behind = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    return [text + " " * (max(behind) - each) for text, each in zip(texts, behind, strict=True)]


def _done(report: PassReport) -> str:
    """Say what happened."""
    first = report.inputs[0]
    rows = counted(sum(each.shape[0] for each in report.inputs), "row")
    what = f"{rows} of {counted(first.shape[1], 'feature')}"
    if report.command == "backward":
        return f"done: the gradients of {what} in {first.mode} mode"
    several = f" in {len(report.inputs)} mini-batches" if len(report.inputs) > 1 else ""
    statistics = "running statistics" if first.mode == "eval" else "mini-batch's own statistics"
    return f"done: {what}{several} normalised with the {statistics}"
