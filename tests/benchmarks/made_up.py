"""Results that nobody measured, for tests of what is shown of them."""

from benchmarks.case import Case
from benchmarks.ceilings import Ceilings
from benchmarks.measure import Result, Timing
from benchmarks.report import Report

MATMUL = Case("matmul", None, flops=4_000_000_000, family="ops/linalg", batch=8, sweep=lambda n: None)
STEP = Case("step", None, images=64, flops=7, family="models", is_model=True, is_step=True)
ADD = Case("add", None, moved=12_000_000, family="ops/arithmetic")
CALLS = Case("launch", None, calls=1000, family="overhead/kernels")
TIMES = {
    "cpu": Timing(0.02, 0.015, 0.025, 50, 0.02, 0.019),
    "cuda": Timing(0.001, 0.0009, 0.0011, 1000, 0.0002, 0.0003),
    "cuda-captured": Timing(0.0005, 0.0005, 0.0005, 1000, 0.00001, 0.0001),
    "torch": Timing(0.01, 0.01, 0.0125, 100, 0.01, 0.01),
    "torch-strong": Timing(0.005, 0.005, 0.005, 100, 0.005, 0.005),
    "torch-cuda": Timing(0.002, 0.002, 0.002, 100, 0.001, 0.001),
    "torch-cuda-strong": Timing(0.0004, 0.0004, 0.0004, 100, 0.0001, 0.0001),
}
TOPS = {
    "cpu": Ceilings({10**6: 40e9, 10**9: 2e9}, 1e-6, {"float32": 1e12}),
    "cuda": Ceilings({10**9: 48e9}, 1e-5, {"float32": 16e12}),
}
MISSING = {"cuda": "no GPU found (CuPy is not installed)", "torch-cuda": "no GPU found (by PyTorch)"}
EAGER = ["cpu", "cuda", "torch", "torch-cuda"]


def result(case, *places, **known):
    return Result(case, {name: TIMES[name] for name in places}, **known)


def report(results, places=EAGER, missing=None, tops=TOPS, **more):
    return Report(results, places, tops, missing or {}, {"threads": 1, "gpu": "", "cpu": "A B"}, **more)


def full():
    """A case of which everything is known."""
    sweep = {"cpu": {1: 0.5, 2: 1.0, 4: 2.0}, "cuda": {1: 1.0, 2: 1.0, 4: 1.0}}
    errors = {"cpu": 1e-7, "cuda": 3e-4, "torch": 1.0}
    return result(MATMUL, *EAGER, errors=errors, transfers=(0.004, 0.0005), launches={"a": 2, "b": 1}, sweep=sweep)
