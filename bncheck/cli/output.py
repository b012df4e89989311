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
from bncheck.report.screen import Part, Screen, screen_of
from bncheck.report.text import gradcheck_parts, pass_parts
from bncheck.wording import one_line, quoted

if TYPE_CHECKING:
    from bncheck.files.matrix import Matrix
    from bncheck.files.write import Outputs
    from bncheck.report.model import PassReport, Report

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
    """How results are shown, and where they are written, as the options of these names say.

    Raises
    ------
    InputError
        Where stdout is closed, a file cannot be written, or a picture cannot be drawn.
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
            from bncheck.files.destinations import ending_of

            ending_of(self.page, ".html")
        if self.figure is not None:
            from bncheck.report.figure import require_matplotlib

            require_matplotlib(self.figure)

    def begin(self, batches: Sequence[Matrix]) -> None:
        """Refuse to begin where the matrices have no room, as far as that can be told already."""
        if self.output == STDOUT and len(batches) > 1:
            raise InputError(
                f"there are {len(batches)} inputs for one stdout",
                "name a folder with -o, or run one input at a time",
            )
        if self.output is None or self.output == STDOUT:
            return
        from bncheck.files.destinations import becomes_npy
        from bncheck.files.write import refuse_without_room

        alone = len(batches) == 1
        large = [each for each in batches if becomes_npy(self.output, each.source, alone=alone)]
        refuse_without_room(self.output, [each.shape for each in large])

    def gradcheck(self, report: Report) -> Outcome:
        """Write the files of a gradient check, all or none, and show the check."""
        saved = []
        if report.inputs and (self.figure or self.page):
            saved = _saved(partial(self._write_pictures, report))
        code = ExitCode.USAGE if report.not_loaded else EXIT_CODES[report.verdict]
        errors = [error_text(InputError(each.message, each.help)) for each in report.not_loaded]
        if self.json:
            from bncheck.report.json_document import gradcheck_document

            return Outcome(gradcheck_document(report, self.worst), code=code)
        screen = screen_of(sys.stdout)
        hidden = self.quiet or not report.inputs
        text = "" if hidden else screen.text(self._parts(report, screen, saved))
        return Outcome(text, stderr="".join(errors), code=code)

    def passes(self, report: PassReport, matrix: str, archives: Archives) -> Outcome:
        """Write the files of a pass, all or none, and show the pass.

        `matrix` is the name of the result that goes to the output file.
        """
        saved = []
        if archives or self.output not in (None, STDOUT):
            saved = _saved(partial(self._write_arrays, report, matrix, archives))
        if self.quiet:
            return Outcome()
        if self.json:
            from bncheck.report.json_document import pass_document

            return Outcome(pass_document(report))
        if self.output != STDOUT:
            return Outcome(screen_of(sys.stdout).text(pass_parts(report, saved)))
        from bncheck.files.write import matrix_texts

        (only,) = report.inputs
        text = screen_of(sys.stderr).text(pass_parts(report, saved))
        return Outcome(matrix_texts(only.results[matrix], only.names), stderr=text)

    def _parts(self, report: Report, screen: Screen, saved: Sequence[str] = ()) -> Iterable[Part]:
        return gradcheck_parts(report, screen, worst=self.worst, plot=self.plot, saved=saved)

    def _write_pictures(self, report: Report, outputs: Outputs) -> Iterator[tuple[str, str]]:
        if self.figure is not None:
            from bncheck.report.figure import figure

            outputs.content(self.figure, figure(report, self.figure))
            yield "pictures", self.figure
        if self.page is not None:
            from bncheck.report.html import page

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
    """Write files, all or none, and return the lines that say what is where."""
    from bncheck.files.write import Outputs

    with Outputs() as outputs:
        return [f"saved: {what} in {quoted(path)}" for what, path in write(outputs)]
