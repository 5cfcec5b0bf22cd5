"""What cannot be captured: the error names the line, the operation and the fix."""

from pathlib import Path

import pytest

import gpunn as gp
from gpunn.capture import CaptureError
from gpunn.compile import refusals
from gpunn.compile.step import WARM_UPS

F = gp.nn.functional


def choose(x):
    if x.sum() > 0:
        x = x * 2
    return x


times = []


def drift(x):
    times.append(x)
    return F.leaky_relu(x, 0.1 * len(times))


REFUSED = {
    "item": (lambda x: x * x.sum().item(), "`item`", "read it outside"),
    "bool": (choose, r"in choose: if x\.sum\(\) > 0:: `__bool__`", "gp.where"),
    "mask": (lambda x: x[x > 0], "`getitem`", "gp.where"),
    "nonzero": (lambda x: x.nonzero(), "`nonzero`", "depends on the data"),
    "tolist": (lambda x: x.tolist(), "`tolist`", "read it outside"),
    "numpy": (lambda x: x.cpu().numpy(), "`cpu`", "outside the step"),
    "print": (lambda x: print(x), "`__repr__`", "read it outside"),
    "copy": (lambda x: x + gp.tensor([1.0, 2.0], device="cuda"), "`tensor`", "pass it in"),
    "unique": (lambda x: x.unique(), "`unique`", "depends on the data"),
    "inverse": (lambda x: gp.linalg.inv(x.diag()), "linalg.inv|`inv`", "outside the step"),
    "seed": (lambda x: gp.manual_seed(0) and x, "manual_seed", "outside"),
    "drift": (drift, r"line \d+, in drift: .* number \d of leaky_relu", "argument"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, emulated):
    """The error names this file, the line, the operation and the fix, and leaves everything as it was."""
    function, what, fix = REFUSED[name]
    x = gp.tensor([1.0, 2.0], device="cuda")
    run = gp.compile(lambda x: function(x))
    for _ in range(WARM_UPS):
        run(x)
    state = gp.get_rng_state().tolist()
    with pytest.raises(CaptureError, match=f"test_refusals.py.*({what})") as caught:
        run(x)
    assert fix in str(caught.value)
    assert gp.get_rng_state().tolist() == state
    assert x.tolist() == [1, 2] and (x * 2).tolist() == [2, 4]


def test_errors_of_the_user_stay_what_they_are(gpu):
    runs = []

    @gp.compile
    def step(x):
        runs.append(x)
        if len(runs) > WARM_UPS:
            raise KeyError("mine")
        return x * 2

    x = gp.ones(2, device="cuda")
    step(x), step(x)
    with pytest.raises(KeyError, match="mine"):
        step(x)


def test_refusals_are_told_apart():
    for error in (
        RuntimeError("the current stream is capturing, so synchronous API calls are disallowed"),
        NotImplementedError("calling cuBLAS API during stream capture is currently unsupported"),
    ):
        assert refusals.is_refusal(error)
        assert isinstance(refusals.explained(error), CaptureError)
    for error in (ValueError("captured"), RuntimeError("out of memory")):
        assert not refusals.is_refusal(error)
        assert refusals.explained(error) is error


def test_a_program_beside_the_package_is_the_users(emulated):
    def program(x):
        return x.tolist()

    beside = f"{Path(gp.__file__).parent}_train.py"
    program.__code__ = program.__code__.replace(co_filename=beside)
    run, x = gp.compile(program), gp.ones(2, device="cuda")
    for _ in range(WARM_UPS):
        run(x)
    with pytest.raises(CaptureError, match=f'^File "{beside}"'):
        run(x)
