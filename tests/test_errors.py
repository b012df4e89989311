"""Exit statuses, and the two exceptions that are not bugs."""

import pytest

from bncheck.errors import ExitCode, InputError, LayerError, closed_stdout, error_text


def test_the_statuses_are_those_that_shells_know() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "INCONCLUSIVE": 3,
        "BUG": 4,
        "HUNG_UP": 129,  # 128 and the number of the signal
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_input_that_cannot_be_used_is_a_value_error_with_a_remedy() -> None:
    with pytest.raises(ValueError, match=r"^Z is empty$") as raised:
        raise InputError("Z is empty", "give it some rows")
    assert isinstance(raised.value, InputError)
    assert (raised.value.message, raised.value.help) == ("Z is empty", "give it some rows")


def test_an_error_is_told_in_one_fact_and_one_line_of_help() -> None:
    assert error_text(InputError("Z is empty", "give it some rows")) == (
        "bncheck: error: Z is empty\n  help: give it some rows\n"
    )
    assert error_text(closed_stdout()) == (
        "bncheck: error: stdout is closed\n  help: redirect it to a file, or to /dev/null\n"
    )


def test_a_layer_error_says_which_method_did_what() -> None:
    error = LayerError("backward", "returned nothing")
    assert (str(error), error.method, error.reason) == (
        "backward returned nothing",
        "backward",
        "returned nothing",
    )
    assert not isinstance(error, ValueError)  # it is not the input's fault
