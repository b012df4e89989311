"""Results as text for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bncheck.batchnorm.quantities import GRADIENTS
from bncheck.compare.comparison import Comparison, Entry, Verdict
from bncheck.numdiff import DEFINITION, FINITE_DIFFERENCES
from bncheck.report.model import InputReport, Note, Report
from bncheck.report.screen import UNLIMITED, Screen
from bncheck.wording import counted, one_line

if TYPE_CHECKING:
    from bncheck.report.model import PassOfInput, PassReport

MOST_FEATURES = 20
"""A longer table shows so many features and says how many are left out."""

SHORTEST_NAME = 8
"""To fit a narrow terminal, names are cut down to this and no further."""

HEADERS = {
    "BZ_min": "BZ from",
    "BZ_max": "BZ to",
    "dLdZ_min": "dLdZ from",
    "dLdZ_max": "dLdZ to",
}

TRUTHS = {FINITE_DIFFERENCES: "finite differences", DEFINITION: "the definition"}

LABELS = {"Z": "Z kept", "dLdBZ": "dLdBZ kept"}
"""For the rows that say whether a layer leaves its arguments alone."""

STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}


def gradcheck_parts(
    report: Report,
    screen: Screen,
    details: Callable[[InputReport], Iterable[Any]],
    saved: Sequence[str] = (),
) -> list[Any]:
    """A Report as headline, table, notes and details for each input, and one closing line.

    Parameters
    ----------
    report
        The report.
    screen
        What it is laid out for.
    details
        What else to show of an input, each part with a blank line after it.
    saved
        A line for each file written.
    """
    parts: list[Any] = []
    for each in report.inputs:
        parts += [
            _headline(
                each.input,
                _shape(each.shape),
                each.mode,
                each.layer,
                *([each.dtype] if each.dtype != "float64" else []),
                *([report.method] if report.method != "richardson" else []),
                f"seed {report.seed}",
            ),
            Text(""),
            _checks_fitted(each.checks, screen),
            Text(""),
            *(_note(note) for note in each.notes),
            *([Text("")] if each.notes else []),
            *details(each),
        ]
    parts += [Text(line) for line in [*saved, *([""] if saved else [])]]
    return [*parts, _closing_line(report)]


def gradcheck_text(
    report: Report,
    screen: Screen,
    details: Callable[[InputReport], Iterable[Any]],
    saved: Sequence[str] = (),
) -> str:
    """The same as text."""
    return screen.text(*gradcheck_parts(report, screen, details, saved))


def pass_text(report: PassReport, screen: Screen, saved: Sequence[str] = ()) -> str:
    """A PassReport as headline and table for each input, and a line for each file written."""
    parts: list[Any] = []
    for each in report.inputs:
        settings = (f"alpha {short(report.alpha)}", f"eps {short(report.eps)}")
        parts += [
            _headline(each.input, _shape(each.shape), each.mode, each.layer, *settings),
            Text(""),
            _features_fitted(each, screen),
            *_left_out(each),
            Text(""),
        ]
    return screen.text(*parts, Text(_done(report)), *(Text(line) for line in saved))


def _done(report: PassReport) -> str:
    """What happened, in words."""
    rows = sum(each.shape[0] for each in report.inputs)
    first = report.inputs[0]
    what = f"{counted(rows, 'row')} of {counted(first.shape[1], 'feature')}"
    several = f" in {len(report.inputs)} mini-batches" if len(report.inputs) > 1 else ""
    if report.command == "backward":
        return f"done: the gradients of {what} in {first.mode} mode"
    means = "running statistics" if first.mode == "eval" else "mini-batch's own statistics"
    return f"done: {what}{several} normalised with the {means}"


def _headline(*parts: str) -> Text:
    line = Text(one_line(parts[0]), style="bold")
    return line.append("   " + "   ".join(parts[1:]), style="not bold")


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "scalar"


def plain_table(*columns: tuple[str, str]) -> Table:
    """A table without lines; each column is its header and how it is justified."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header, justify in columns:
        table.add_column(Text(header), justify=justify, no_wrap=True)  # type: ignore[arg-type]
    return table


def fitted(build: Callable[[int], Table], names: Sequence[str], screen: Screen) -> Padding:
    """A table whose longest texts are cut as far as the screen asks for.

    Parameters
    ----------
    build
        Makes the table with its names cut to so many letters.
    names
        The texts that may be cut. Numbers never are.
    """
    longest = max(map(cell_len, names), default=0)
    table = build(longest)
    excess = _width(table) - screen.width
    if excess > 0:
        table = build(max(longest - excess, SHORTEST_NAME))
    return Padding(table, (0, 0, 0, 1), expand=False)


def _width(table: Table) -> int:
    """Columns that a table takes, with the one before it."""
    return 1 + max(map(cell_len, Screen().text(table).splitlines()))


def cut_to(name: str, letters: int) -> Text:
    """A name, or a place such as `row 12, ash`, of so many letters; a row's number is never cut."""
    head, comma, tail = name.rpartition(", ") if name.startswith("row ") else ("", "", name)
    kept = Text(tail)
    kept.truncate(max(letters - len(head + comma), SHORTEST_NAME // 2), overflow="ellipsis")
    return Text(head + comma).append_text(kept)


def _checks_fitted(checks: Sequence[Comparison], screen: Screen) -> Padding:
    """The table of checks; on a narrow screen without the shapes."""
    places = [_place(check) for check in checks]
    table = _check_table(checks, shapes=True)
    if _width(table) <= screen.width:
        return Padding(table, (0, 0, 0, 1), expand=False)
    return fitted(lambda cut: _check_table(checks, shapes=False, cut=cut), places, screen)


def _check_table(checks: Sequence[Comparison], *, shapes: bool, cut: int = UNLIMITED) -> Table:
    table = plain_table(
        ("quantity", "left"),
        *([("shape", "left")] if shapes else []),
        ("error", "right"),
        ("known to", "right"),
        ("worst at", "left"),
        ("analytic", "right"),
        ("numeric", "right"),
        ("", "left"),
    )
    for check in checks:
        worst, exact = check.worst, check.max_rel_error == 0
        table.add_row(
            Text(LABELS.get(check.name, check.name)),
            *([Text(_shape(check.shape))] if shapes else []),
            two_digits(worst.rel_error) if worst else "",
            two_digits(check.uncertainty) if worst else "",
            cut_to(_place(check), cut),
            _value(worst.analytic) if worst and not exact else "",
            _value(worst.numeric) if worst and not exact else "",
            _verdict(check.verdict),
        )
    return table


def _verdict(verdict: Verdict) -> Text:
    word = verdict.upper() if verdict is Verdict.FAIL else verdict
    return Text(word, style=STYLES[verdict])


def _place(check: Comparison) -> str:
    """Where the worst entry is; nowhere where all are exact."""
    return "" if check.worst is None or check.max_rel_error == 0 else place_of(check.worst)


def place_of(entry: Entry) -> str:
    """Where an entry is, in words."""
    feature = feature_name(entry.feature, entry.name)
    return feature if entry.row is None else f"row {entry.row}, {feature}"


def feature_name(feature: int, name: str | None) -> str:
    """A feature by its name, or by its number where it has none."""
    return f"feature {feature}" if name is None else one_line(name)


def short(x: float) -> str:
    """A setting as one would type it: 0.9, 1e-8."""
    return f"{x:g}".replace("e-0", "e-").replace("e+0", "e")


def two_digits(x: float) -> str:
    """Two digits."""
    return "0" if x == 0 else f"{x:.1e}"


def _value(x: float) -> str:
    """Five digits."""
    return "0" if x == 0 else f"{x:.4e}"


def _note(note: Note) -> Text:
    """A remark on one line; an explanation with its place and the formula as it should be."""
    if note.meant is None and note.place is None:
        about = "" if note.check is None or note.check in note.message else f"{note.check}: "
        return Text(f"note: {about}{one_line(note.message)}")
    lines = [one_line(note.message)]
    if note.place is not None:
        lines += [f"  {one_line(note.place)}", f"  │ {one_line(note.source or '')}"]
    if note.meant is not None:
        lines.append(f"  = meant: {note.meant}")
    return Text("\n".join(lines[:1]), style="bold").append("\n".join(["", *lines[1:]]), "not bold")


def _closing_line(report: Report) -> Text:
    return Text.assemble((report.verdict, STYLES[report.verdict]), f": {_summary(report)}")


def _summary(report: Report) -> str:
    checks = [check for each in report.inputs for check in each.checks]
    gradients = [check for check in checks if check.name in GRADIENTS] or checks
    inputs = len({each.input for each in report.inputs})
    layers = len({each.layer for each in report.inputs})
    if report.verdict is Verdict.PASS:
        entries = sum(check.compared for check in gradients)
        of = f" of {counted(inputs, 'input')}" if inputs > 1 else ""
        of += f" of {counted(layers, 'layer')}" if layers > 1 else ""
        against = " and ".join(sorted({TRUTHS[check.against] for check in gradients}))
        kind = "gradient " if gradients is not checks else ""
        tolerance = max(check.tolerance for check in gradients)
        rounding = ", rounding included" if tolerance > report.rtol else ""
        return (
            f"{_count(entries)} {kind}entries{of} agree with {against} "
            f"to {short(float(f'{tolerance:.1e}'))} of their feature's scale{rounding}"
        )
    deciding = [
        (each, check)
        for each in report.inputs
        for check in each.checks
        if check.verdict is report.verdict
    ]
    others = sum(check.verdict is Verdict.PASS for check in checks)
    named = [f"{one_line(each.layer)} could not be loaded" for each in report.not_loaded]
    named += [_told(each, check, inputs=inputs > 1, layers=layers > 1) for each, check in deciding]
    rest = f"; {others} other check{'s' if others != 1 else ''} passed" if others else ""
    return "; ".join(named[:3]) + (f"; and {len(named) - 3} more" if named[3:] else "") + rest


def _told(each: InputReport, check: Comparison, *, inputs: bool, layers: bool) -> str:
    """What became of one check; input and layer are named where there are several."""
    of_layer = f" of {one_line(each.layer)}" if layers else ""
    of_input = f" on {one_line(each.input)}" if inputs else ""
    quantity = f"{check.name}{of_layer}{of_input}"
    if check.verdict is Verdict.INCONCLUSIVE:
        return (
            f"{quantity} cannot be told in {_count(check.undecided)} of "
            f"{_count(check.compared)} entries"
        )
    if check.compared == 0:
        return f"{quantity} cannot be compared"
    return f"{quantity} is wrong in {_count(check.failed)} of {_count(check.compared)} entries"


def _count(n: int) -> str:
    """A number with its thousands apart, as in 4 680."""
    return f"{n:,}".replace(",", " ")


def _features_fitted(each: PassOfInput, screen: Screen) -> Padding:
    shown = min(each.shape[1], MOST_FEATURES)
    names = [one_line(name) for name in each.names or map(str, range(shown))][:shown]
    columns = [_aligned([float(x) for x in values[:shown]]) for values in each.features.values()]

    def build(cut: int) -> Table:
        table = plain_table(
            ("feature", "left"), *((HEADERS.get(q, q), "right") for q in each.features)
        )
        for name, *row in zip(names, *columns, strict=True):
            table.add_row(cut_to(name, cut), *row)
        return table

    return fitted(build, names, screen)


def _aligned(numbers: Sequence[float]) -> list[str]:
    """Numbers of five digits, with spaces after them so that the points are below each other."""
    texts = [f"{x:#.5g}" for x in numbers]
    behind = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    return [text + " " * (max(behind) - each) for text, each in zip(texts, behind, strict=True)]


def _left_out(each: PassOfInput) -> list[Text]:
    C = each.shape[1]
    if C <= MOST_FEATURES:
        return []
    return [Text(f" {MOST_FEATURES} of {C} features shown; all of them with --json")]
