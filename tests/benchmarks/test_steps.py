"""The parts of a step: what counts as NumPy code, and the table."""

import pytest

import gpunn as gp
from benchmarks import steps
from benchmarks.case import Place
from benchmarks.memory import Peak
from gpunn.engine import function


def test_the_clock_counts_all_operations_and_updates():
    model = gp.nn.Sequential(gp.nn.Linear(2, 2, bias=False), gp.nn.ReLU())
    optimizer = gp.optim.SGD(model.parameters(), lr=1.0)
    ticks = iter(range(1000))
    before = function.run_quietly
    with steps._watched(optimizer, lambda: next(ticks)) as clock:
        model(gp.ones(1, 2)).sum().backward()
        forward = clock.calls
        optimizer.step()
    assert forward >= 4  # linear with relu, sum; gradients of relu and the weight
    assert clock.calls == forward + 1
    assert clock.seconds == clock.calls  # one tick inside each
    assert function.run_quietly is before
    assert "update" not in vars(optimizer)


def test_an_error_inside_leaves_no_clock():
    before = function.run_quietly
    optimizer = gp.optim.SGD([gp.ones(1, requires_grad=True)], lr=1.0)
    with pytest.raises(ZeroDivisionError), steps._watched(optimizer, lambda: 0.0):
        raise ZeroDivisionError
    assert function.run_quietly is before


def test_parts_of_a_step():
    found = steps.split(Place("cpu", gp, "cpu"), "lenet5", 2, seconds=0)
    assert 0 < found.inside < found.step
    assert found.calls > 30
    assert steps.Split(1.1, 1.0, 7).around == pytest.approx(0.1)


def test_the_table(monkeypatch, capsys):
    monkeypatch.setattr(steps, "split", lambda *given: steps.Split(0.011, 0.01, 10))
    monkeypatch.setattr(steps, "peak", lambda place, *given: Peak(10**6, {"cpu": 3, "torch": 2}[place] * 10**6))
    monkeypatch.setattr(steps.importlib.util, "find_spec", lambda name: name)
    assert steps.main(["mlp", "lenet5", "--memory", "--batch", "3"]) == 0
    head, mlp, lenet = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "step"
    assert " ".join(mlp.split()) == "mlp/batch3 11.0 ms 10.0 ms 10.0% 10 100 us 3.0 MB 2.0 MB 1.33"
    assert lenet.startswith("lenet5/batch3")


def test_without_pytorch_there_is_no_ratio(monkeypatch, capsys):
    monkeypatch.setattr(steps, "split", lambda *given: steps.Split(0.011, 0.01, 10))
    monkeypatch.setattr(steps, "peak", lambda *given: Peak(10**6, 3 * 10**6))
    monkeypatch.setattr(steps.importlib.util, "find_spec", lambda name: None)
    assert steps.main(["mlp", "--memory"]) == 0
    assert "3.0 MB  not installed" in capsys.readouterr().out
