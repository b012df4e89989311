"""From a result to what is printed and what is written."""

# What only some options need is imported where it is used.

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bncheck.cli.outcome import Outcome
from bncheck.compare.comparison import Verdict
from bncheck.errors import ExitCode, InputError, closed_stdout, error_text
from bncheck.files.endings import ending_of
from bncheck.report.details import WORST, Details
from bncheck.report.model import InputReport, Report
from bncheck.report.screen import Screen, screen_of
from bncheck.report.text import gradcheck_parts, gradcheck_text, pass_text
from bncheck.wording import one_line, quoted

if TYPE_CHECKING:
    from bncheck.files.matrix import Matrix
    from bncheck.report.model import PassReport

Archives = Mapping[str, tuple[str, Mapping[str, Any]]]

STDOUT = "-"

EXIT_CODES = {
    Verdict.PASS: ExitCode.OK,
    Verdict.FAIL: ExitCode.FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


@dataclass(frozen=True, eq=False)
class Presentation:
    """How results are shown, and where they are written.

    Attributes
    ----------
    json, quiet
        One JSON document in place of the tables; nothing at all.
    output
        File or folder for the matrices, or "-" for stdout.
    details
        What a gradient check shows below its notes.
    figure, page
        Files for the pictures of a gradient check, and for its report as HTML.

    Raises
    ------
    InputError
        Where two of them want stdout, or it is closed, or a picture cannot be drawn as the file's
        ending asks.
    """

    json: bool
    quiet: bool
    output: str | None = None
    details: Details = field(default_factory=Details)
    figure: str | None = None
    page: str | None = None

    def __post_init__(self) -> None:
        if sys.stdout is None and not self.quiet:
            # Before a file is replaced: a run that cannot tell of it has failed.
            raise closed_stdout()
        if self.output == STDOUT and (self.json or self.quiet):
            option = "--json" if self.json else "--quiet"
            raise InputError(
                f"-o - and {option} both say what goes to stdout", "write the matrix to a file"
            )
        if self.page is not None:
            ending_of(self.page, ".html")
        if self.figure is not None:
            from bncheck.report.figure import ENDINGS, require_matplotlib

            ending_of(self.figure, *ENDINGS)
            require_matplotlib()

    def gradcheck(self, report: Report) -> Outcome:
        """Write the files of a gradient check, all or none, and show the check.

        Raises
        ------
        InputError
            Where a file cannot be written.
        """
        saved = self._write_pictures(report) if report.inputs else []
        code = ExitCode.USAGE if report.not_loaded else EXIT_CODES[report.verdict]
        errors = "".join(
            error_text(InputError(each.message, each.help)) for each in report.not_loaded
        )
        if self.quiet:
            return Outcome(stderr=errors, code=code)
        if self.json:
            worst = WORST if self.details.worst is None else self.details.worst
            from bncheck.report.json_document import gradcheck_document

            return Outcome(gradcheck_document(report, worst), code=code)
        screen = screen_of(sys.stdout)
        details = self._details(report, screen)
        text = gradcheck_text(report, screen, details, saved) if report.inputs else ""
        return Outcome(text, stderr=errors, code=code)

    def _details(self, report: Report, screen: Screen) -> Callable[[InputReport], Iterable[Any]]:
        return partial(self.details.of, screen=screen, alone=len(report.inputs) == 1)

    def _write_pictures(self, report: Report) -> list[str]:
        """Write the figure and the page; the lines that say so."""
        saved: list[str] = []
        if self.figure is None and self.page is None:
            return saved
        from bncheck.files.write import Outputs

        with Outputs() as outputs:
            if self.figure is not None:
                from bncheck.report.figure import ENDINGS, figure

                ending = ending_of(self.figure, *ENDINGS)
                outputs.content(self.figure, figure(report, ending))
                saved.append(f"saved: pictures in {quoted(self.figure)}")
            if self.page is not None:
                from bncheck.report.html import page

                title = f"bncheck: {report.verdict}, {report.inputs[0].input}"
                parts = gradcheck_parts(report, Screen(), self._details(report, Screen()))
                outputs.content(self.page, page(one_line(title), parts).encode())
                saved.append(f"saved: report in {quoted(self.page)}")
        return saved

    def begin(self, batches: Sequence[Matrix]) -> None:
        """Refuse to begin where the disk has no room for the matrices.

        Raises
        ------
        InputError
            Where that can be told already.
        """
        if self.output is None or self.output == STDOUT:
            return
        from bncheck.files.destinations import becomes_npy
        from bncheck.files.write import refuse_without_room

        shapes = [
            batch.shape
            for batch in batches
            if becomes_npy(self.output, batch.source, alone=len(batches) == 1)
        ]
        refuse_without_room(self.output, shapes)

    def passes(
        self,
        report: PassReport,
        matrix: str,
        archives: Archives,
    ) -> Outcome:
        """Write the files of a pass, all or none, and show the pass.

        Parameters
        ----------
        report
            Of forward, eval or backward.
        matrix
            The result that the output file gets, by name.
        archives
            What is written, in words, and the arrays by name, by the path of the .npz file.

        Raises
        ------
        InputError
            Where a file cannot be written, or several matrices would go to stdout.
        """
        if self.output == STDOUT and len(report.inputs) > 1:
            raise InputError(
                f"there are {len(report.inputs)} inputs for one stdout",
                "name a folder with -o, or run one input at a time",
            )
        saved = self._write(report, matrix, archives)
        if self.output == STDOUT:
            from bncheck.files.write import matrix_texts

            (only,) = report.inputs
            table = pass_text(report, screen_of(sys.stderr), saved)
            return Outcome(matrix_texts(only.results[matrix], only.names), stderr=table)
        if self.quiet:
            return Outcome()
        if self.json:
            from bncheck.report.json_document import pass_document

            return Outcome(pass_document(report))
        return Outcome(pass_text(report, screen_of(sys.stdout), saved))

    def _write(
        self,
        report: PassReport,
        matrix: str,
        archives: Archives,
    ) -> list[str]:
        """Write everything; the lines that say so."""
        from bncheck.files.destinations import targets_of
        from bncheck.files.write import Outputs

        written, kept = [], []
        with Outputs() as outputs:
            for path, (what, arrays) in archives.items():
                outputs.archive(path, arrays)
                kept.append(f"saved: {what} in {quoted(path)}")
            if self.output is not None and self.output != STDOUT:
                # Last, since a folder may have to be made for them.
                targets = targets_of(self.output, [each.input for each in report.inputs])
                for each, target in zip(report.inputs, targets, strict=True):
                    outputs.matrix(target, each.results[matrix], each.names)
                    written.append(f"saved: {matrix} in {quoted(target)}")
        return written + kept
