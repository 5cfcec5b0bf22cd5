"""The stand-in operations record what operations record, and nothing else."""

import pytest

import gpunn as gp
from benchmarks import engine
from benchmarks.case import Place
from gpunn.engine import Function

PLACE = Place("cpu", gp, "cpu")
CASES = list(engine.cases())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_case_makes_its_calls(case, monkeypatch):
    calls = []
    for kind in (engine._Passing, engine._Saving):
        monkeypatch.setattr(kind, "__call__", lambda self, *x: calls.append(self) or Function.__call__(self, *x))
    made = case.make(Place("cpu", gp, "cpu"))
    if isinstance(made, tuple):
        prepare, run = made
        end = prepare()
        calls.clear()
        run(end)
        assert not calls  # only the walk is timed
        with pytest.raises(gp.errors.GpunnError, match="second time"):
            end.grad_fn.saved(0)
        return
    made()
    assert len(calls) == (case.calls if case.name.startswith("engine/") and case.name != "engine/bare" else 0)


def test_what_the_operations_leave_in_the_graph():
    x, y = gp.ones(4, requires_grad=True), gp.ones(4)
    plain, saving = engine._Passing()(x, y), engine._Saving()(x, y)
    assert plain.grad_fn.next_functions[1] == saving.grad_fn.next_functions[1] == (None, 0)
    assert saving.grad_fn.saved(1).array is y.array
    assert engine._Passing()(y, y).grad_fn is None
    (plain + saving).sum().backward()
    assert x.grad.tolist() == [2, 2, 2, 2]
