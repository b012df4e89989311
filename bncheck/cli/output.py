"""From a result to what is printed and what is written."""

# What only some options need is imported where it is used.

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bncheck.cli.outcome import Outcome
from bncheck.compare.comparison import Verdict
from bncheck.errors import ExitCode, InputError, closed_stdout, error_text
from bncheck.wording import one_line, quoted

if TYPE_CHECKING:
    from bncheck.files.matrix import Matrix
    from bncheck.files.write import Outputs
    from bncheck.report.model import PassReport, Report
    from bncheck.report.screen import Part, Screen

Archives = Mapping[str, tuple[str, Mapping[str, Any]]]
"""By the path of an .npz file: what it has, in words, and the arrays by name."""

STDOUT = "-"

EXIT_CODES = {
    Verdict.PASS: ExitCode.OK,
    Verdict.FAIL: ExitCode.FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


@dataclass(frozen=True, eq=False)
class Presentation:
    """How results are shown, and where they are written, by the options of those names.

    Attributes
    ----------
    json, quiet
        One JSON document in place of the tables; nothing at all.
    output
        File or folder for the matrices, or "-" for stdout.
    worst, plot
        What a gradient check shows below its notes.
    figure, page
        Files for the pictures of a gradient check, and for its report as HTML.

    Raises
    ------
    InputError
        Where stdout is closed, or a picture cannot be drawn as the file's ending asks.
    """

    json: bool
    quiet: bool
    output: str | None = None
    worst: int | None = None
    plot: bool = False
    figure: str | None = None
    page: str | None = None

    def __post_init__(self) -> None:
        if sys.stdout is None and not self.quiet:
            # Before a file is replaced: a run that cannot tell of it has failed.
            raise closed_stdout()
        if self.page is not None:
            from bncheck.files.endings import ending_of

            ending_of(self.page, ".html")
        if self.figure is not None:
            from bncheck.report.figure import require_matplotlib

            require_matplotlib(self.figure)

    def begin(self, batches: Sequence[Matrix]) -> None:
        """Refuse to begin where the matrices have no room, as far as that can be told already.

        Raises
        ------
        InputError
            Where the disk has none, or stdout would get several of them.
        """
        if self.output is None:
            return
        if self.output == STDOUT:
            if len(batches) > 1:
                raise InputError(
                    f"there are {len(batches)} inputs for one stdout",
                    "name a folder with -o, or run one input at a time",
                )
            return
        from bncheck.files.destinations import becomes_npy
        from bncheck.files.write import refuse_without_room

        shapes = [
            batch.shape
            for batch in batches
            if becomes_npy(self.output, batch.source, alone=len(batches) == 1)
        ]
        refuse_without_room(self.output, shapes)

    def gradcheck(self, report: Report) -> Outcome:
        """Write the files of a gradient check, all or none, and show the check.

        Raises
        ------
        InputError
            Where a file cannot be written.
        """
        saved: list[str] = []
        if report.inputs and (self.figure or self.page):
            saved = _saved(partial(self._write_pictures, report))
        code = ExitCode.USAGE if report.not_loaded else EXIT_CODES[report.verdict]
        errors = "".join(
            error_text(InputError(each.message, each.help)) for each in report.not_loaded
        )
        if self.quiet:
            return Outcome(stderr=errors, code=code)
        if self.json:
            from bncheck.report.json_document import gradcheck_document

            return Outcome(gradcheck_document(report, self.worst), code=code)
        from bncheck.report.screen import screen_of

        screen = screen_of(sys.stdout)
        text = screen.text(self._parts(report, screen, saved)) if report.inputs else ""
        return Outcome(text, stderr=errors, code=code)

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
            What else is written.

        Raises
        ------
        InputError
            Where a file cannot be written.
        """
        saved: list[str] = []
        if archives or self.output not in (None, STDOUT):
            saved = _saved(partial(self._write_arrays, report, matrix, archives))
        if self.quiet:
            return Outcome()
        if self.json:
            from bncheck.report.json_document import pass_document

            return Outcome(pass_document(report))
        from bncheck.report.screen import screen_of
        from bncheck.report.text import pass_parts

        on_stdout = self.output == STDOUT
        text = screen_of(sys.stderr if on_stdout else sys.stdout).text(pass_parts(report, saved))
        if not on_stdout:
            return Outcome(text)
        from bncheck.files.write import matrix_texts

        (only,) = report.inputs
        return Outcome(matrix_texts(only.results[matrix], only.names), stderr=text)

    def _parts(self, report: Report, screen: Screen, saved: Sequence[str] = ()) -> Iterable[Part]:
        from bncheck.report.text import gradcheck_parts

        return gradcheck_parts(report, screen, worst=self.worst, plot=self.plot, saved=saved)

    def _write_pictures(self, report: Report, outputs: Outputs) -> Iterator[tuple[str, str]]:
        if self.figure is not None:
            from bncheck.report.figure import figure

            outputs.content(self.figure, figure(report, self.figure))
            yield "pictures", self.figure
        if self.page is not None:
            from bncheck.report.html import page
            from bncheck.report.screen import Screen

            title = one_line(f"bncheck: {report.verdict}, {report.inputs[0].input}")
            outputs.content(self.page, page(title, self._parts(report, Screen())).encode())
            yield "report", self.page

    def _write_arrays(
        self, report: PassReport, matrix: str, archives: Archives, outputs: Outputs
    ) -> Iterator[tuple[str, str]]:
        for path, (_, arrays) in archives.items():
            outputs.archive(path, arrays)
        if self.output is not None and self.output != STDOUT:
            from bncheck.files.destinations import targets_of

            # Last, since a folder may have to be made for them.
            targets = targets_of(self.output, [each.input for each in report.inputs])
            for each, target in zip(report.inputs, targets, strict=True):
                outputs.matrix(target, each.results[matrix], each.names)
                yield matrix, target
        yield from ((what, path) for path, (what, _) in archives.items())


def _saved(write: Callable[[Outputs], Iterator[tuple[str, str]]]) -> list[str]:
    """Write files, all or none; the lines that say what is where."""
    from bncheck.files.write import Outputs

    with Outputs() as outputs:
        return [f"saved: {what} in {quoted(path)}" for what, path in write(outputs)]
