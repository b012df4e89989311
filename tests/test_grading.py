"""Many layers: several in one process, and a folder of submissions, graded by the shell."""

import json
import shutil
from pathlib import Path

import pytest

LAYERS = Path(__file__).parent / "layers"
RIGHT, WRONG = LAYERS / "right" / "spec_names.py", LAYERS / "wrong" / "swapped_gradients.py"
CHECK = ("gradcheck", "sample_data/wine.csv", "--columns", "1-3")

BROKEN = {
    "ends_the_program": "import sys\n\nsys.exit(0)\n",
    "no_module": "import no_such_module\n",
    "no_python": "def forward(\n",
    "no_layer": "x = 1\n",
    "empty": "",
}
"""Files that cannot be loaded, or hold no layer."""

GRADE = """
export CHECK="timeout 20 bncheck gradcheck sample_data/wine.csv --columns 1-3 --json"
find submissions -name '*.py' -print0 |
    xargs -0 -P 2 -I {} sh -c '
        $CHECK --layer "$1" > "$1.json" 2> /dev/null < /dev/null
        echo "$? $1" >> statuses
    ' sh {}
"""


@pytest.fixture
def submissions(folder: Path) -> Path:
    made = folder / "submissions"
    made.mkdir()
    shutil.copy(RIGHT, made / "right.py")
    shutil.copy(WRONG, made / "wrong one.py")
    for name, source in BROKEN.items():
        (made / f"{name}.py").write_text(source)
    return made


def test_each_layer_gets_its_report(bncheck) -> None:
    result = bncheck(*CHECK, "--json", "--layer", str(RIGHT), "--layer", str(WRONG))
    document = json.loads(result.stdout)
    assert [(each["layer"], each["verdict"]) for each in document["inputs"]] == [
        (f"BatchNorm1d in {RIGHT}", "pass"),
        (f"BatchNorm1d in {WRONG}", "fail"),
    ]
    assert (document["verdict"], document["not_loaded"]) == ("fail", [])
    assert result.status == 1


def test_each_layer_is_checked_on_each_input(bncheck) -> None:
    digits = [f"sample_data/digits_batch_{number}.npy" for number in (2, 3)]
    options = ["--json", "--layer", str(RIGHT), "--layer", str(LAYERS / "right/older_names.py")]
    document = json.loads(bncheck("gradcheck", *digits, *options).stdout)
    assert [(each["layer"], each["input"]) for each in document["inputs"]] == [
        (layer, batch)
        for layer in (
            f"BatchNorm1d in {RIGHT}",
            f"BatchNorm in {LAYERS / 'right' / 'older_names.py'}",
        )
        for batch in digits
    ]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_layer_that_cannot_be_loaded_stops_no_other(broken: str, bncheck, submissions) -> None:
    layers = [f"submissions/{name}.py" for name in (broken, "right", "wrong one")]
    options = [option for layer in layers for option in ("--layer", layer)]
    result = bncheck(*CHECK, "--json", *options)
    document = json.loads(result.stdout)
    assert [each["verdict"] for each in document["inputs"]] == ["pass", "fail"]
    assert [each["layer"] for each in document["not_loaded"]] == [layers[0]]
    assert result.status == 2

    result = bncheck(*CHECK, *options)
    assert result.status == 2
    assert result.stderr.startswith(f"bncheck: error: `{layers[0]}` ")
    assert "BatchNorm1d in submissions/right.py" in result.stdout
    assert "BatchNorm1d in submissions/wrong one.py" in result.stdout


def test_layers_that_all_cannot_be_loaded(bncheck, submissions) -> None:
    options = ["--layer", "submissions/empty.py", "--layer", "submissions/no_python.py"]
    document = json.loads(bncheck(*CHECK, "--json", *options).stdout)
    assert document["inputs"] == []
    assert document["verdict"] != "pass"
    assert len(document["not_loaded"]) == 2


def test_a_folder_of_submissions_is_graded_by_the_shell(bash, submissions) -> None:
    source = RIGHT.read_text()
    start = "        self.Z, self.N, self.eval"
    for name, statement in {
        "endless printing": 'while True:\n            print("x" * 1000)',
        "ends in forward": "raise SystemExit(0)",
        "crash": "__import__('os')._exit(7)",
        "segmentation fault": "__import__('ctypes').string_at(0)",
        "prints": "print(Z)",
    }.items():
        text = source.replace(start, f"        {statement}\n{start}")
        (submissions / f"{name}.py").write_text(text)
    assert bash(GRADE).stderr == ""

    lines = Path("statuses").read_text().splitlines()
    statuses = dict(reversed(line.split(" ", 1)) for line in lines)
    assert {Path(path).stem: int(status) for path, status in statuses.items()} == {
        "right": 0,
        "prints": 0,
        "wrong one": 1,
        "ends in forward": 1,
        "crash": 7,
        "segmentation fault": 139,
        "endless printing": 124,
        **dict.fromkeys(BROKEN, 2),
    }
    crashed = {"crash", "segmentation fault", "endless printing"}
    for path, status in statuses.items():
        record = Path(f"{path}.json").read_text()
        if Path(path).stem in crashed:
            assert record == ""
        else:
            kind = "error" if status == "2" else "gradcheck"
            assert json.loads(record)["schema"] == f"bncheck/{kind}/1"


def test_the_last_line_names_a_layer_that_could_not_be_loaded(bncheck, folder: Path) -> None:
    done = bncheck(*CHECK, "--layer", str(RIGHT), "--layer", "nowhere.py")
    assert done.status == 2
    assert done.stdout.splitlines()[-1].startswith("inconclusive: nowhere.py could not be loaded; ")
