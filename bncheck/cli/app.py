"""The command line: options in, calls out."""

# No `from __future__ import annotations` here: typer reads the annotations at run time. NumPy and
# rich are imported inside the commands, so that --help starts quickly.

from typing import Annotated

import typer

from bncheck import __version__
from bncheck.cli.options import (
    Alpha,
    Columns,
    Eps,
    FigureFile,
    Full,
    Inputs,
    Json,
    LayerFile,
    LayerFiles,
    Method,
    Mode,
    ModeOption,
    OneInput,
    OutputFile,
    PageFile,
    Plot,
    Precision,
    Quiet,
    Seed,
    StateFile,
    Upstream,
    Worst,
)
from bncheck.cli.outcome import Outcome
from bncheck.errors import InputError

app = typer.Typer(
    name="bncheck",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bncheck {__version__}")
        raise typer.Exit


@app.callback()
def bncheck(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Check the gradients of batch normalisation against finite differences."""


@app.command("forward")
def forward_command(
    inputs: Inputs,
    layer: LayerFile = None,
    state: StateFile = None,
    save_state: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.npz",
            help="Write the parameters and the running statistics afterwards.",
            show_default=False,
        ),
    ] = None,
    output: OutputFile = None,
    alpha: Alpha = None,
    eps: Eps = None,
    columns: Columns = None,
    json: Json = False,
    quiet: Quiet = False,
) -> Outcome:
    """Training-mode forward over mini-batches in turn, carrying the running statistics along."""
    from bncheck.cli.inputs import read_batches, running, trained_layer
    from bncheck.cli.output import Presentation
    from bncheck.cli.passes import run_forward
    from bncheck.files.state import state_arrays
    from bncheck.wording import counted

    show = Presentation(json=json, quiet=quiet, output=output)
    batches = read_batches(inputs, columns)
    show.begin(batches)
    with running(layer):
        face = trained_layer(batches[0], layer, state, alpha, eps)
        report = run_forward(face, batches, eval=False)
    what = f"running statistics of {counted(len(batches), 'batch', 'batches')}"
    archives = {} if save_state is None else {save_state: (what, state_arrays(face.get))}
    return show.passes(report, "BZ", archives)


@app.command("eval")
def eval_command(
    inputs: Inputs,
    layer: LayerFile = None,
    state: StateFile = None,
    output: OutputFile = None,
    alpha: Alpha = None,
    eps: Eps = None,
    columns: Columns = None,
    json: Json = False,
    quiet: Quiet = False,
) -> Outcome:
    """Inference-mode forward with the running statistics of --state."""
    from bncheck.cli.inputs import read_batches, running, trained_layer
    from bncheck.cli.output import Presentation
    from bncheck.cli.passes import run_forward

    show = Presentation(json=json, quiet=quiet, output=output)
    batches = read_batches(inputs, columns)
    show.begin(batches)
    with running(layer):
        face = trained_layer(batches[0], layer, state, alpha, eps, for_eval=True)
        report = run_forward(face, batches, eval=True)
    return show.passes(report, "BZ", {})


@app.command("backward")
def backward_command(
    input: OneInput,  # noqa: A002
    upstream: Upstream = None,
    layer: LayerFile = None,
    state: StateFile = None,
    mode: ModeOption = Mode.train,
    output: OutputFile = None,
    gradients: Annotated[
        str | None,
        typer.Option(metavar="FILE.npz", help="Write every gradient, by name.", show_default=False),
    ] = None,
    alpha: Alpha = None,
    eps: Eps = None,
    columns: Columns = None,
    json: Json = False,
    quiet: Quiet = False,
) -> Outcome:
    """Gradients of the loss for the upstream gradient of --upstream, in train or eval mode."""
    from bncheck.cli.inputs import (
        read_batches,
        read_upstream,
        running,
        trained_layer,
    )
    from bncheck.cli.output import Presentation
    from bncheck.cli.passes import run_backward

    if upstream is None:
        raise InputError("backward needs an upstream gradient", "pass --upstream FILE with dLdBZ")
    show = Presentation(json=json, quiet=quiet, output=output)
    (batch,) = read_batches([input], columns)
    dLdBZ = read_upstream(upstream, batch, columns).values
    in_eval = mode is Mode.eval
    with running(layer):
        face = trained_layer(batch, layer, state, alpha, eps, for_eval=in_eval)
        report = run_backward(face, batch, dLdBZ, eval=in_eval)
    archives = {} if gradients is None else {gradients: ("gradients", report.inputs[0].results)}
    return show.passes(report, "dLdZ", archives)


@app.command("gradcheck")
def gradcheck_command(
    inputs: Inputs,
    upstream: Upstream = None,
    layer: LayerFiles = None,
    results: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.npz",
            help="Check these arrays, computed by another program, in place of running a layer: "
            "BZ, running_M, running_V, dLdZ, dLdBW, dLdBb, any of them.",
            show_default=False,
        ),
    ] = None,
    state: StateFile = None,
    mode: ModeOption = Mode.train,
    rtol: Annotated[
        float,
        typer.Option(metavar="X", help="Tolerance, in units of the column's gradient scale."),
    ] = 1e-6,
    method: Annotated[
        Method, typer.Option(help="The difference formula; all but the first are the textbook's.")
    ] = Method.richardson,
    dtype: Annotated[
        Precision, typer.Option(help="The type that the built-in layer computes in.")
    ] = Precision.float64,
    seed: Seed = 0,
    alpha: Alpha = None,
    eps: Eps = None,
    columns: Columns = None,
    full: Full = False,
    worst: Worst = None,
    plot: Plot = False,
    figure: FigureFile = None,
    report: PageFile = None,
    json: Json = False,
    quiet: Quiet = False,
) -> Outcome:
    """Analytic gradients against finite differences: a table of errors and a verdict.

    The upstream gradient, the parameters and the running statistics are drawn from the seed where
    --upstream and --state do not give them: the values that a layer starts from hide mistakes.

    Exit status: 0 every check passed, 1 at least one failed, 2 could not run, 3 nothing failed but
    at least one is inconclusive.
    """
    from bncheck.check.setup import CheckOptions
    from bncheck.cli.gradcheck import Given, check_all, check_file
    from bncheck.cli.inputs import read_batches, read_upstream
    from bncheck.cli.output import Presentation
    from bncheck.report.details import Details

    show = Presentation(
        json=json, quiet=quiet, details=Details(worst, plot), figure=figure, page=report
    )
    batches = read_batches(inputs, columns)
    if upstream is not None and len(batches) > 1:
        raise InputError(
            f"there are {len(batches)} inputs for one upstream gradient",
            "check one input at a time where it has an upstream gradient",
        )
    given = Given(
        dLdBZ=None if upstream is None else read_upstream(upstream, batches[0], columns).rows,
        state_path=state,
        alpha=alpha,
        eps=eps,
        dtype=dtype.value,
    )
    options = CheckOptions(
        mode=mode.value,
        seed=seed,
        rtol=rtol,
        method=method.value,
        full=full,
        step_curve=plot or figure is not None,
    )
    if results is not None:
        if layer or len(batches) > 1:
            raise InputError(
                "--results go with one input and no --layer",
                "check the results of each input by themselves",
            )
        return show.gradcheck(check_file(batches[0], results, given, options))
    return show.gradcheck(check_all(batches, layer or [None], given, options))
