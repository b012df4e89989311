"""The options of the commands with their help, and which of them exclude each other."""

# No `from __future__ import annotations` here: typer reads the annotations at run time.

from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from bncheck.errors import InputError


def _option(metavar: str | None, help_: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, metavar=metavar, help=help_, **more)


FORMS = ".npy, .npz (FILE.npz:NAME), .csv, .tsv or .txt files, or - for stdin."
LAYER_HELP = (
    "Your own layer instead of the built-in one: a Python file, which is run with your rights, or "
    "package.module:NAME."
)

Inputs = Annotated[list[str], typer.Argument(metavar="INPUT...", help=f"Mini-batches: {FORMS}")]
OneInput = Annotated[str, typer.Argument(metavar="INPUT", help=f"Mini-batch: {FORMS}")]
Layer = Annotated[str | None, _option("FILE.py[:NAME]", LAYER_HELP, "--layer")]
Layers = Annotated[
    list[str] | None,
    _option("FILE.py[:NAME]", f"{LAYER_HELP} May be given several times.", "--layer"),
]
RESULTS_HELP = (
    "Check arrays that another program computed, instead of running a layer: any of BZ, running_M, "
    "running_V, dLdZ, dLdBW, dLdBb."
)
Results = Annotated[str | None, _option("FILE.npz", RESULTS_HELP)]
UPSTREAM_HELP = "Upstream gradient dLdBZ, of the input's shape. --columns applies to it too."
Upstream = Annotated[str | None, _option("FILE", UPSTREAM_HELP)]
State = Annotated[
    str | None, _option("FILE.npz", "Parameters and running statistics to start from.")
]
SaveState = Annotated[
    str | None, _option("FILE.npz", "Write parameters and running statistics after the last input.")
]
OUTPUT_HELP = (
    "Write the matrix to a .npy or .csv file, to stdout (-) or, of several inputs, to a folder."
)
Output = Annotated[str | None, _option("FILE", OUTPUT_HELP, "--output", "-o")]
Gradients = Annotated[str | None, _option("FILE.npz", "Write all gradients, by name.")]
Mode = Annotated[Literal["train", "eval"], _option(None, "Mode of the layer.")]
Rtol = Annotated[float, _option("X", "Tolerance, in units of the column's gradient scale.")]
Method = Annotated[
    Literal["richardson", "central", "forward", "complex"],
    _option(None, "Difference formula; all but the first are those of textbooks."),
]
Dtype = Annotated[
    Literal["float64", "float32", "float16"],
    _option(None, "Type that the built-in layer computes in."),
]
Seed = Annotated[int, _option("N", "Random seed.", min=0)]
UNLESS = "unless the state file says otherwise."
Alpha = Annotated[
    float | None, _option("X", f"Weight of the old value in the running statistics; 0.9 {UNLESS}")
]
Eps = Annotated[
    float | None, _option("X", f"Added to the variance under the square root; 1e-8 {UNLESS}")
]
COLUMNS_HELP = "Columns to use, by name, position (from 1) or range of positions: 2-5,proline."
Columns = Annotated[str | None, _option("LIST", COLUMNS_HELP)]
FULL_HELP = "Difference the layer's own forward in every row, however long it takes."
Full = Annotated[bool, _option(None, FULL_HELP, "--full")]
WORST_HELP = "Number of worst entries to list for each check; 5 if it did not pass, else 0."
Worst = Annotated[int | None, _option("K", WORST_HELP, min=0)]
PLOT_HELP = "Draw the errors and the step-size curve, whatever the verdict."
Plot = Annotated[bool, _option(None, PLOT_HELP, "--plot")]
FIGURE_HELP = "Draw them with matplotlib, to a .png, .svg or .pdf file."
Figure = Annotated[str | None, _option("FILE", FIGURE_HELP)]
Page = Annotated[
    str | None, _option("FILE.html", "Write the report as a web page too.", "--report")
]
Json = Annotated[bool, _option(None, "Print one JSON document instead of tables.", "--json")]
Quiet = Annotated[bool, _option(None, "Print nothing on stdout.", "--quiet", "-q")]

ONE = "leave one of them out"
ONE_OR_PAGE = f"{ONE}, or write a page with --report FILE.html, which shows it"

EXCLUSIVE = (
    ("--layer", "--results", "", "check the results by themselves: no layer is run for them"),
    ("--seed", "--results", "", "leave it out: nothing is drawn where no layer is run"),
    ("--method", "--results", "", "leave it out: results are compared with the definition"),
    ("--full", "--results", "", "leave it out: there is no forward to difference"),
    ("--dtype", "--results", "", "leave it out: the results have been computed already"),
    ("--dtype", "--layer", "", "leave it out: it is the type of the built-in layer only"),
    ("-o -", "--json", "", "write the matrix to a file"),
    ("-o -", "--quiet", "", "write the matrix to a file"),
    ("--json", "--quiet", "", ONE),
    ("--plot", "--json", "--report", ONE_OR_PAGE),
    ("--plot", "--quiet", "--report", ONE_OR_PAGE),
    ("--worst", "--quiet", "--report", ONE_OR_PAGE),
)
"""An option, another beside which it has no meaning unless a third is given too, the remedy."""


class Command(TyperCommand):
    """A command that refuses options which have no meaning beside each other."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, or refuse two options of `EXCLUSIVE`, also where one is its default."""
        given = {
            max(parameter.opts, key=len)
            for parameter in self.params
            if ctx.get_parameter_source(parameter.name).name != "DEFAULT"
        }
        given |= {"-o -"} if ctx.params.get("output") == "-" else set()
        for option, other, unless, remedy in EXCLUSIVE:
            if {option, other} <= given and unless not in given:
                raise InputError(f"{option} cannot be used with {other}", remedy)
        return super().invoke(ctx)
