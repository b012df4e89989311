"""The command line: options in, calls out."""

# No `from __future__ import annotations` here: typer reads the annotations at run time. NumPy is
# imported inside the commands, so that --help starts quickly.

from collections.abc import Sequence
from typing import Annotated

import typer

from bncheck import __version__
from bncheck.cli import options
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


@app.command("forward", cls=options.Command)
def forward_command(
    inputs: options.Inputs,
    layer: options.Layer = None,
    state: options.State = None,
    save_state: options.SaveState = None,
    output: options.Output = None,
    alpha: options.Alpha = None,
    eps: options.Eps = None,
    columns: options.Columns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> Outcome:
    """Normalise mini-batches, updating the running statistics."""
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


@app.command("eval", cls=options.Command)
def eval_command(
    inputs: options.Inputs,
    layer: options.Layer = None,
    state: options.State = None,
    output: options.Output = None,
    alpha: options.Alpha = None,
    eps: options.Eps = None,
    columns: options.Columns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> Outcome:
    """Normalise mini-batches with the running statistics of --state."""
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


@app.command("backward", cls=options.Command)
def backward_command(
    input: options.OneInput,  # noqa: A002
    upstream: options.Upstream = None,
    layer: options.Layer = None,
    state: options.State = None,
    mode: options.Mode = "train",
    output: options.Output = None,
    gradients: options.Gradients = None,
    alpha: options.Alpha = None,
    eps: options.Eps = None,
    columns: options.Columns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> Outcome:
    """Compute all gradients from the upstream gradient of --upstream."""
    from bncheck.cli.inputs import read_batches, read_upstream, running, trained_layer
    from bncheck.cli.output import Presentation
    from bncheck.cli.passes import run_backward

    if upstream is None:
        raise InputError("backward needs an upstream gradient", "pass --upstream FILE with dLdBZ")
    show = Presentation(json=json, quiet=quiet, output=output)
    (batch,) = read_batches([input], columns)
    dLdBZ = read_upstream(upstream, batch, columns).values
    in_eval = mode == "eval"
    with running(layer):
        face = trained_layer(batch, layer, state, alpha, eps, for_eval=in_eval)
        report = run_backward(face, batch, dLdBZ, eval=in_eval)
    archives = {} if gradients is None else {gradients: ("gradients", report.inputs[0].results)}
    return show.passes(report, "dLdZ", archives)


@app.command("gradcheck", cls=options.Command)
def gradcheck_command(
    inputs: options.Inputs,
    upstream: options.Upstream = None,
    layer: options.Layers = None,
    results: options.Results = None,
    state: options.State = None,
    mode: options.Mode = "train",
    rtol: options.Rtol = 1e-6,
    method: options.Method = "richardson",
    dtype: options.Dtype = "float64",
    seed: options.Seed = 0,
    alpha: options.Alpha = None,
    eps: options.Eps = None,
    columns: options.Columns = None,
    full: options.Full = False,
    worst: options.Worst = None,
    plot: options.Plot = False,
    figure: options.Figure = None,
    report: options.Page = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> Outcome:
    """Compare analytic gradients with finite differences.

    Upstream gradient, parameters and running statistics are random where --upstream and --state do
    not give them, since the values that a layer starts from hide mistakes.

    Exit status: 0 if every check passed, 1 if one failed, 2 if bncheck could not run, 3 if nothing
    failed but a check is inconclusive.
    """
    from bncheck.check.setup import CheckOptions
    from bncheck.cli.gradcheck import Given, check_all, check_file
    from bncheck.cli.inputs import read_batches, read_upstream
    from bncheck.cli.output import Presentation

    if upstream is not None:
        _refuse_several(inputs, "upstream gradient")
    if results is not None:
        _refuse_several(inputs, "file of results")
    show = Presentation(json=json, quiet=quiet, worst=worst, plot=plot, figure=figure, page=report)
    batches = read_batches(inputs, columns)
    given = Given(
        dLdBZ=None if upstream is None else read_upstream(upstream, batches[0], columns).rows,
        state_path=state,
        alpha=alpha,
        eps=eps,
        dtype=dtype,
    )
    how = CheckOptions(
        mode=mode,
        seed=seed,
        rtol=rtol,
        method=method,
        full=full,
        step_curve=plot or figure is not None,
    )
    if results is not None:
        return show.gradcheck(check_file(batches[0], results, given, how))
    return show.gradcheck(check_all(batches, layer or [None], given, how))


def _refuse_several(inputs: Sequence[str], what: str) -> None:
    if len(inputs) > 1:
        raise InputError(f"there are {len(inputs)} inputs for one {what}", "check them one by one")
