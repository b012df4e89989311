"""From a result to what is printed and what is written."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from bncheck.compare import Verdict
from bncheck.document import gradcheck_document, pass_document
from bncheck.errors import ExitCode, InputError, error_text
from bncheck.outcome import Outcome
from bncheck.outputs import Outputs, matrix_text
from bncheck.passes import PassReport
from bncheck.report import Report
from bncheck.screen import screen_of
from bncheck.tables import gradcheck_text, pass_text
from bncheck.targets import targets_of
from bncheck.wording import quoted

Archives = Mapping[str, tuple[str, Mapping[str, ArrayLike]]]

STDOUT = "-"

EXIT_CODES = {
    Verdict.PASS: ExitCode.OK,
    Verdict.FAIL: ExitCode.FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


@dataclass(frozen=True)
class Presentation:
    """How results are shown, and where they are written.

    Attributes
    ----------
    json, quiet
        One JSON document in place of the tables; nothing at all.
    output
        File or folder for the matrices, or "-" for stdout.

    Raises
    ------
    InputError
        Where two of them want stdout.
    """

    json: bool
    quiet: bool
    output: str | None = None

    def __post_init__(self) -> None:
        if self.output == STDOUT and (self.json or self.quiet):
            option = "--json" if self.json else "--quiet"
            raise InputError(
                f"-o - and {option} both say what goes to stdout", "write the matrix to a file"
            )

    def gradcheck(self, report: Report) -> Outcome:
        """Show a gradient check."""
        code = ExitCode.USAGE if report.not_loaded else EXIT_CODES[report.verdict]
        errors = "".join(
            error_text(InputError(each.message, each.help)) for each in report.not_loaded
        )
        if self.quiet:
            return Outcome(stderr=errors, code=code)
        if self.json:
            return Outcome(gradcheck_document(report), code=code)
        text = gradcheck_text(report, screen_of(sys.stdout)) if report.inputs else ""
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
            (only,) = report.inputs
            table = pass_text(report, screen_of(sys.stderr), saved)
            return Outcome(matrix_text(only.results[matrix], only.names), stderr=table)
        if self.quiet:
            return Outcome()
        if self.json:
            return Outcome(pass_document(report))
        return Outcome(pass_text(report, screen_of(sys.stdout), saved))

    def _write(
        self,
        report: PassReport,
        matrix: str,
        archives: Archives,
    ) -> list[str]:
        """Write everything; the lines that say so."""
        saved = []
        with Outputs() as outputs:
            if self.output is not None and self.output != STDOUT:
                targets = targets_of(self.output, [each.input for each in report.inputs])
                for each, target in zip(report.inputs, targets, strict=True):
                    outputs.matrix(target, each.results[matrix], each.names)
                    saved.append(f"saved: {matrix} in {quoted(target)}")
            for path, (what, arrays) in archives.items():
                outputs.archive(path, arrays)
                saved.append(f"saved: {what} in {quoted(path)}")
        return saved
