"""What must hold for any data: written and read the same, and known changes have known effects."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bncheck import BatchNorm1d
from bncheck.errors import InputError
from bncheck.files.matrix import Matrix, read_matrix
from bncheck.files.write import Outputs

Array = np.ndarray[Any, Any]

# The same examples in every run, and no clock: a slow machine is no failure.
bounded = settings(max_examples=60, derandomize=True, deadline=None)

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=6)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
matrices = arrays(np.float64, SHAPES, elements=FINITE)

# Written and read


@contextmanager
def file_called(name: str, content: bytes | None = None) -> Iterator[str]:
    """A path in a folder of its own, with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if content is not None:
            path.write_bytes(content)
        yield str(path)


def read(name: str, content: bytes, columns: str | None = None) -> Matrix:
    with file_called(name, content) as path:
        return read_matrix(path, columns)


@dataclass(frozen=True)
class Form:
    """One way of writing numbers as text."""

    delimiter: str
    line_end: str
    number: Callable[[float], str]
    mark: str
    above: str
    last_line_end: bool

    def of(self, A: Array, names: Sequence[str] | None) -> bytes:
        rows = [[self.number(x) for x in row] for row in A.tolist()]
        lines = [self.delimiter.join(row) for row in ([list(names)] if names else []) + rows]
        text = self.mark + self.above + self.line_end.join(lines)
        return (text + self.line_end * self.last_line_end).encode()


forms = st.builds(
    Form,
    delimiter=st.sampled_from([",", ";", "\t", " ", ", ", "; ", "   "]),
    line_end=st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n# note\n"]),
    number=st.sampled_from([repr, "{:.16e}".format, "{:.30E}".format, '"{!r}"'.format]),
    mark=st.sampled_from(["", "\ufeff"]),
    above=st.sampled_from(["", "\n", "# note\n", "  \n\n#\n"]),
    last_line_end=st.booleans(),
)


@bounded
@given(A=matrices, form=forms, named=st.booleans(), ending=st.sampled_from(["csv", "tsv", "txt"]))
def test_text_of_any_form_is_read_bit_by_bit(
    A: Array, form: Form, named: bool, ending: str
) -> None:
    names = [f"x{column}" for column in range(A.shape[1])] if named else None
    matrix = read(f"Z.{ending}", form.of(A, names))
    assert matrix.values.tobytes() == A.tobytes()
    assert matrix.names == (tuple(names) if names else None)


@bounded
@given(
    A=arrays(st.sampled_from(["<f8", ">f8", "<f4", ">f2", "i1", "u2", ">i4"]), SHAPES),
    order=st.sampled_from("CF"),
    version=st.sampled_from([(1, 0), (2, 0), (3, 0)]),
)
def test_arrays_of_any_form_are_read_value_for_value(
    A: Array, order: Any, version: tuple[int, int]
) -> None:
    A = np.where(np.isfinite(A), A, 0).astype(A.dtype, order=order)
    with file_called("Z.npy") as path:
        with open(path, "wb") as file:
            np.lib.format.write_array(file, A, version)
        matrix = read_matrix(path)
    assert matrix.values.dtype == np.float64
    assert matrix.values.tobytes() == A.astype(np.float64, order="C").tobytes()


@bounded
@given(
    A=matrices,
    B=matrices,
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
def test_an_archive_is_read_back_by_any_name(A: Array, B: Array, name: str) -> None:
    with file_called("Z.npz") as path:
        with Outputs() as outputs:
            outputs.archive(path, {f"{name}2": B, name: A, f"2{name}": B})
        assert read_matrix(f"{path}:{name}").values.tobytes() == A.tobytes()
        with np.load(path, allow_pickle=False) as archive:
            assert archive[name].tobytes() == A.tobytes()


@bounded
@given(A=matrices, data=st.data(), form=forms)
def test_picked_columns_are_those_columns(A: Array, data: st.DataObject, form: Form) -> None:
    C = A.shape[1]
    picked = data.draw(st.lists(st.sampled_from(range(C)), min_size=1, unique=True))
    positions = ",".join(str(column + 1) for column in picked)
    expected = A[:, picked].tobytes()
    assert read("Z.csv", form.of(A, None), positions).values.tobytes() == expected
    names = [f"x{column}" for column in range(C)]
    by_name = read("Z.csv", form.of(A, names), ",".join(names[column] for column in picked))
    assert by_name.values.tobytes() == expected
    assert by_name.names == tuple(names[column] for column in picked)
    with file_called("Z.npy") as path:
        np.save(path, A)
        assert read_matrix(path, positions).values.tobytes() == expected


@bounded
@given(cell=st.text("0123456789.,eE+-_xinfa '\u0660½\0", min_size=1, max_size=8))
def test_a_cell_is_read_as_python_reads_it_or_not_at_all(cell: str) -> None:
    try:
        (value,) = read("Z.csv", f"a;b\n7;{cell}\n".encode(), "b").values.ravel()
    except InputError:
        return
    assert value == float(cell)
    assert "_" not in cell


# Known changes of the data. The numbers are multiples of 1/8, the constants are too, and the
# factors are powers of two: where no rounding happens, the results must be the same bit by bit.


@dataclass(frozen=True)
class Example:
    """A layer, a mini-batch and its upstream gradient."""

    Z: Array
    dLdBZ: Array
    BW: Array
    Bb: Array
    running_M: Array
    running_V: Array
    alpha: float
    eps: float
    eval: bool

    def results(self) -> dict[str, Array]:
        """Everything that can be read from the layer after a forward and a backward."""
        layer = BatchNorm1d(self.Z.shape[1], self.alpha, eps=self.eps)
        layer.BW, layer.Bb = self.BW.copy(), self.Bb.copy()
        layer.running_M, layer.running_V = self.running_M.copy(), self.running_V.copy()
        layer.forward(self.Z, eval=self.eval)
        layer.backward(self.dLdBZ)
        return {name: getattr(layer, name) for name in NAMES}


NAMES = ("M", "V", "NZ", "BZ", "running_M", "running_V")
NAMES += ("dLdBb", "dLdBW", "dLdNZ", "dLdV", "dLdM", "dLdZ")
PER_ROW = ("NZ", "BZ", "dLdNZ", "dLdZ")

eighths = st.integers(-800, 800).map(lambda n: n / 8)


@st.composite
def _examples(draw: st.DrawFn) -> Example:
    N, C = draw(st.integers(1, 9)), draw(st.integers(1, 5))

    def drawn(*shape: int, elements: st.SearchStrategy[float] = eighths) -> Array:
        return draw(arrays(np.float64, shape, elements=elements))

    return Example(
        Z=drawn(N, C),
        dLdBZ=drawn(N, C),
        BW=drawn(1, C),
        Bb=drawn(1, C),
        running_M=drawn(1, C),
        running_V=drawn(1, C, elements=st.integers(0, 800).map(lambda n: n / 8)),
        alpha=draw(st.sampled_from([0.0, 0.25, 0.9, 1.0])),
        eps=draw(st.sampled_from([2.0**-27, 1e-8, 1e-5, 1.0])),
        eval=draw(st.booleans()),
    )


examples = _examples()


def same_bits(changed: Example, expected: dict[str, Array], but: Sequence[str] = ()) -> None:
    for name, A in changed.results().items():
        if name not in but:
            # Zeros of either sign are the same number.
            assert np.array_equal(A, expected[name]), name


def nearly_same(example: Example, changed: Example, expected: dict[str, Array]) -> None:
    """Up to the rounding of sums, in units of the largest term that goes into each of them."""
    rstd = 1 / np.sqrt(example.results()["V"] + example.eps)
    if example.eval:
        rstd = 1 / np.sqrt(example.running_V + example.eps)
    largest_Z = np.abs(example.Z).max() + np.abs(example.running_M).max()
    largest_NZ = 2 * largest_Z * rstd
    g = np.abs(example.dLdBZ).sum(axis=0, keepdims=True)
    b = np.abs(example.BW)
    units = {
        "M": largest_Z,
        "running_M": largest_Z,
        "V": 4 * largest_Z**2,
        "running_V": 4 * largest_Z**2 + example.running_V,
        "NZ": largest_NZ,
        "BZ": b * largest_NZ + np.abs(example.Bb),
        "dLdBb": g,
        "dLdBW": g * largest_NZ,
        "dLdNZ": g * b,
        "dLdV": g * largest_NZ * b * rstd**2,
        "dLdM": g * b * rstd,
        "dLdZ": g * b * rstd * (1 + largest_NZ**2),
    }
    for name, A in changed.results().items():
        assert A.shape == expected[name].shape, name
        assert np.all(np.abs(A - expected[name]) <= 1e-12 * units[name]), name


@bounded
@given(examples, st.data())
def test_columns_permuted(example: Example, data: st.DataObject) -> None:
    p = data.draw(st.permutations(range(example.Z.shape[1])))
    columns = ("Z", "dLdBZ", "BW", "Bb", "running_M", "running_V")
    changed = replace(example, **{name: getattr(example, name)[:, p] for name in columns})
    same_bits(changed, {name: A[:, p] for name, A in example.results().items()})


@bounded
@given(examples, st.data())
def test_rows_permuted(example: Example, data: st.DataObject) -> None:
    p = data.draw(st.permutations(range(len(example.Z))))
    changed = replace(example, Z=example.Z[p], dLdBZ=example.dLdBZ[p])
    expected = {name: A[p] if name in PER_ROW else A for name, A in example.results().items()}
    nearly_same(example, changed, expected)


SUMS_OF_ROWS = ("dLdBb", "dLdBW", "dLdV", "dLdM")


@bounded
@given(examples, st.sampled_from([2, 3, 4]))
def test_rows_duplicated(example: Example, times: int) -> None:
    """The sums over the rows grow with them, 1/N in dLdZ shrinks: dLdZ stays as it is."""
    changed = replace(
        example, Z=np.tile(example.Z, (times, 1)), dLdBZ=np.tile(example.dLdBZ, (times, 1))
    )
    expected = example.results()
    for name in PER_ROW:
        expected[name] = np.tile(expected[name], (times, 1))
    for name in SUMS_OF_ROWS:
        expected[name] = times * expected[name]
    nearly_same(changed, changed, expected)


@bounded
@given(examples)
def test_rows_duplicated_under_the_same_loss(example: Example) -> None:
    """Each copy carries half of the upstream gradient: the sums stay, and dLdZ is halved."""
    changed = replace(
        example, Z=np.tile(example.Z, (2, 1)), dLdBZ=np.tile(example.dLdBZ / 2, (2, 1))
    )
    expected = example.results()
    for name in ("NZ", "BZ"):
        expected[name] = np.tile(expected[name], (2, 1))
    for name in ("dLdNZ", "dLdZ"):
        expected[name] = np.tile(expected[name] / 2, (2, 1))
    nearly_same(example, changed, expected)


@bounded
@given(examples, st.integers(-(2**30), 2**30).map(lambda n: n / 8))
def test_data_shifted(example: Example, c: float) -> None:
    """The means are shifted by as much, and nothing else is changed."""
    changed = replace(example, Z=example.Z + c, running_M=example.running_M + c)
    expected = example.results()
    same_bits(changed, expected, but=("M", "running_M"))
    results = changed.results()
    for name in ("M", "running_M"):
        assert np.allclose(results[name], expected[name] + c, rtol=1e-15, atol=1e-13), name


@bounded
@given(examples, st.integers(-40, 40).map(lambda k: 2.0**k), st.sampled_from([1, -1]))
def test_data_scaled(example: Example, factor: float, sign: int) -> None:
    """V and eps go with the square, gradients with respect to Z, M and V the other way."""
    s = sign * factor
    changed = replace(
        example,
        Z=example.Z * s,
        running_M=example.running_M * s,
        running_V=example.running_V * s**2,
        eps=example.eps * s**2,
        BW=example.BW * sign,  # so that BZ and the upstream gradient are the same
    )
    powers = {"M": s, "running_M": s, "V": s**2, "running_V": s**2}
    powers |= {"NZ": sign, "dLdBW": sign, "dLdNZ": sign}
    powers |= {"dLdV": s**-2, "dLdM": 1 / s, "dLdZ": 1 / s}
    same_bits(changed, {name: A * powers.get(name, 1) for name, A in example.results().items()})


@bounded
@given(examples, st.integers(-40, 40).map(lambda k: 2.0**k))
def test_upstream_gradient_scaled(example: Example, s: float) -> None:
    changed = replace(example, dLdBZ=example.dLdBZ * s)
    expected = example.results()
    same_bits(changed, {n: A * s if n.startswith("dLd") else A for n, A in expected.items()})


@bounded
@given(examples, eighths)
def test_shift_parameter_shifted(example: Example, c: float) -> None:
    changed = replace(example, Bb=example.Bb + c)
    expected = example.results()
    same_bits(changed, expected, but=("BZ",))
    expected["BZ"] = expected["BZ"] + c
    nearly_same(changed, changed, expected)


@bounded
@given(examples, st.integers(-40, 40).map(lambda k: 2.0**k))
def test_scale_parameter_scaled(example: Example, s: float) -> None:
    changed = replace(example, BW=example.BW * s, Bb=example.Bb * s)
    scaled = ("BZ", "dLdNZ", "dLdV", "dLdM", "dLdZ")
    expected = example.results()
    same_bits(changed, {name: A * s if name in scaled else A for name, A in expected.items()})


# The same through the program: what goes in as a file comes out as one.


@pytest.mark.parametrize("ending", ["csv", "npy"])
def test_columns_and_rows_through_the_program(ending: str, bncheck, folder: Path) -> None:
    def forward(name: str, *options: str) -> Array:
        result = bncheck("forward", name, "-o", f"BZ.{ending}", "-q", *options)
        assert (result.status, result.stderr) == (0, "")
        return read_matrix(f"BZ.{ending}").values

    BZ = forward("sample_data/wine.csv", "--columns", "2-5")
    permuted = forward("sample_data/wine.csv", "--columns", "5,3,2,4")
    assert permuted.tobytes() == BZ[:, [3, 1, 0, 2]].tobytes()
    header, *rows = (folder / "sample_data" / "wine.csv").read_text("utf-8").splitlines()
    (folder / "twice.csv").write_text("\n".join([header, *rows, *rows]), "utf-8")
    twice = forward("twice.csv", "--columns", "2-5")
    assert np.allclose(twice, np.tile(BZ, (2, 1)), rtol=0, atol=1e-12)
