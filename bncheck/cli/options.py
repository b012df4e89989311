"""The options that commands share, with their help."""

from enum import StrEnum
from typing import Annotated

import typer


class Mode(StrEnum):
    """Which of the layer's two modes."""

    train = "train"
    eval = "eval"


class Method(StrEnum):
    """Which difference formula."""

    richardson = "richardson"
    central = "central"
    forward = "forward"
    complex = "complex"


class Precision(StrEnum):
    """Which type the built-in layer computes in."""

    float64 = "float64"
    float32 = "float32"
    float16 = "float16"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Mini-batches: .npy, .npz (FILE.npz:NAME), .csv, .tsv or .txt files, or - for stdin.",
        show_default=False,
    ),
]
OneInput = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="The mini-batch: a .npy, .npz (FILE.npz:NAME), .csv, .tsv or .txt file, or - for "
        "stdin.",
        show_default=False,
    ),
]
StateFile = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="FILE.npz",
        help="Start from these parameters and running statistics.",
        show_default=False,
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        help="Weight of the old value in the running statistics; 0.9 unless the state says else.",
        show_default=False,
    ),
]
Eps = Annotated[
    float | None,
    typer.Option(
        help="Added to the variance under the root; 1e-8 unless the state says else.",
        show_default=False,
    ),
]
LAYER_HELP = (
    "Somebody's own layer in place of the built-in one: a Python file, which is run with your "
    "rights, or package.module:NAME."
)
LayerFile = Annotated[
    str | None,
    typer.Option("--layer", metavar="FILE.py[:NAME]", help=LAYER_HELP, show_default=False),
]
LayerFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        metavar="FILE.py[:NAME]",
        help=LAYER_HELP + " May be given several times.",
        show_default=False,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Use these columns only: names, positions from 1, ranges, as in 2-5,proline.",
        show_default=False,
    ),
]
OutputFile = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the matrix: .npy or .csv by its ending, - for stdout; a folder where there are "
        "several inputs.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing on stdout.")]
ModeOption = Annotated[Mode, typer.Option(help="Which of the layer's modes.")]
Upstream = Annotated[
    str | None,
    typer.Option(
        "--upstream",
        metavar="FILE",
        help="The upstream gradient dLdBZ, of the input's shape; --columns holds for it too.",
        show_default=False,
    ),
]
Full = Annotated[
    bool,
    typer.Option(
        "--full",
        help="Difference the layer's own forward in every row, however long that takes.",
    ),
]
Worst = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="K",
        help="Show so many of the worst entries of a check; 5 where it did not pass, else 0.",
        show_default=False,
    ),
]
Plot = Annotated[
    bool,
    typer.Option("--plot", help="Draw the errors and the step-size curve, whatever the verdict."),
]
FigureFile = Annotated[
    str | None,
    typer.Option(
        "--figure",
        metavar="FILE",
        help="Draw both pictures with matplotlib: .png, .svg or .pdf by the ending.",
        show_default=False,
    ),
]
PageFile = Annotated[
    str | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        help="Write what is shown as one web page too.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of all that is drawn.")]
