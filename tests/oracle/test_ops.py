"""Every promised operation on the samples of PyTorch's op database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, OpInfo, UnaryUfuncInfo

import gpunn as gp
from tests.oracle import bridge, checks, derivatives, promised
from tests.oracle.scores import Tally

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
]
torch.set_num_threads(1)

NAMES = ("float64", "float32", "bfloat16", "float16", "int64", "int32", "uint8", "bool")
SAMPLES = 100  # of one operation and dtype, evenly from all; all of them with --every
ELEMENTS = 20_000  # a sample with a larger tensor is for --every
MISSING = "missing"
ACTIONS = ("skip", "shape", "loose", "ties", "processed", "4ulp")  # of exceptions.txt
INFOS: dict[str, Any] = {info.full_name: info for info in op_db}
EXCUSES = promised.excuses()
OPERATIONS = [p for p in promised.promises() if p.family not in ("Module", "Optimizer", "Scheduler")]


class Case(NamedTuple):
    """One test: a promised name, the OpInfo that judges it, a kind of check and a dtype."""

    promise: promised.Promise
    info: Any
    check: str
    dtype: str

    def __str__(self) -> str:
        name = self.promise.name
        variant = self.info.variant_test_name
        return "-".join(part for part in (name, variant, self.check, self.dtype) if part)


def cases() -> Iterator[Case]:
    """All tests, in the order of promised.txt."""
    for promise in OPERATIONS:
        for name in promise.infos:
            info = INFOS[name]
            dtypes = [n for n in NAMES if getattr(torch, n) in info.dtypes]
            for check in kinds(promise, info):
                for dtype in dtypes if check in ("value", "inplace", "setitem") else dtypes[:1]:
                    yield Case(promise, info, check, dtype)


def kinds(promise: promised.Promise, info: OpInfo) -> list[str]:
    """Which checks apply to a name that `info` judges."""
    public = promise.name.removeprefix("Tensor.")
    if public == "__setitem__":
        return ["setitem"]
    if public.endswith("_") and not public.endswith("__"):
        return ["inplace"]
    double = torch.float64 in info.dtypes and info.supports_autograd
    found = ["value"] + ["gradient"] * double
    if is_alias(promise, info):
        places = {"method": f"Tensor.{promise.name}", "inplace": f"Tensor.{promise.name}_"}
        return found + [check for check, place in places.items() if bridge.lookup(torch, place) is not None]
    found += ["gradgrad"] * (double and info.supports_gradgrad)
    found += ["method"] * (info.method_variant is not None or info.operator_variant is not None)
    found += ["inplace"] * (info.inplace_variant is not None)
    return found + ["errors"] * (info.error_inputs_func is not None)


def is_alias(promise: promised.Promise, info: OpInfo) -> bool:
    """Whether the promised name is another name for the operation of `info`."""
    return promise.name.removeprefix("Tensor.") != info.name


def samples(case: Case, every: bool) -> list[Any]:
    """The samples of a test: all, or up to SAMPLES spread evenly over them."""
    info = case.info
    grad = case.check in ("gradient", "gradgrad") or (case.check == "setitem" and case.dtype == "float64")
    grad |= case.check == "inplace" and case.dtype == "float64" and info.supports_inplace_autograd
    more = info.reference_inputs_func if case.check == "value" or (every and not grad) else None
    draw = more or info.sample_inputs_func
    torch.manual_seed(0)
    found = list(draw(info, "cpu", getattr(torch, case.dtype), grad and info.supports_autograd))
    if every:
        return found
    found = [s for s in found if all(x.numel() <= ELEMENTS for x in bridge.tensors_in(bridge.arguments(s)))]
    if len(found) <= SAMPLES:
        return found
    return [found[i * (len(found) - 1) // (SAMPLES - 1)] for i in range(SAMPLES)]


def functions(case: Case) -> list[tuple[Any, Any]]:
    """Pairs of callables to compare, of torch and of gpunn; gpunn's is None where it is missing."""
    info, check = case.info, case.check
    if check in ("method", "inplace") and is_alias(case.promise, info) and "Tensor." not in case.promise.name:
        theirs = [bridge.lookup(torch, f"Tensor.{case.promise.name}{'_' * (check == 'inplace')}")]
    elif check == "method":
        theirs = [info.method_variant, info.operator_variant]
    elif check == "inplace":
        theirs = [info.inplace_variant, info.inplace_operator_variant]
    elif is_alias(case.promise, info):
        theirs = [bridge.lookup(torch, case.promise.name)]
    else:
        theirs = [info.op]
    return [(f, bridge.counterpart(f, info.name)) for f in theirs if f is not None]


def judge(case: Case, theirs: Any, mine: Any, sample: Any, action: str | None) -> str | None:
    """What is wrong with gpunn on one sample."""
    if mine is None:
        return MISSING
    elementwise = isinstance(case.info, (UnaryUfuncInfo, BinaryUfuncInfo)) and action != "loose"
    if action == "processed":
        theirs, mine = (processed(f, sample.output_process_fn_grad) for f in (theirs, mine))
    by = checks.Judgement(elementwise, values=action != "shape", ties=action == "ties", loose=action == "loose")
    try:
        if case.check == "value":
            return checks.value(theirs, mine, sample, by)
        if case.check in ("gradient", "gradgrad"):
            return derivatives.gradient(theirs, mine, sample, 1 if case.check == "gradient" else 2)
        if case.check == "method":
            return checks.method(theirs, mine, sample, by)
        if case.check == "inplace":
            return derivatives.in_place(theirs, mine, sample, by)
        if case.check == "setitem":
            return derivatives.assignment(sample)
        return checks.error(theirs, mine, sample.sample_input)
    except Exception as error:
        if isinstance(error, AttributeError) and (error.obj is gp or isinstance(error.obj, gp.Tensor)):
            return f"{MISSING}: {error.name}"
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def processed(function: Any, process: Any) -> Any:
    """`function`, of whose results `process` keeps what is unique."""
    return lambda *args, **kwargs: process(function(*args, **kwargs))


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_op(case: Case, tally: Tally, request: pytest.FixtureRequest) -> None:
    with tally.about(case.promise.family, case.promise.name, case.check):
        pairs = functions(case)
        if case.check == "errors":
            found = list(case.info.error_inputs("cpu"))
        else:
            found = samples(case, request.config.getoption("--every", default=False))
        for theirs, mine in pairs:
            for sample in found:
                run(case, theirs, mine, sample, tally)


def run(case: Case, theirs: Any, mine: Any, sample: Any, tally: Tally) -> None:
    """The check on `sample`, and on the sample with gaps between its elements."""
    plain = sample.sample_input if case.check == "errors" else sample
    text = f"{case.dtype}: {bridge.describe_sample(plain)}"
    if case.check == "errors":
        text += f" -> {sample.error_regex}"
    excuse = excuse_for(case, text)
    if excuse == "skip":
        tally.skipped += 1
        return
    tally.add(judge(case, theirs, mine, sample, excuse), text)
    if case.check in ("value", "gradient") and mine is not None:
        strided = sample.noncontiguous()
        tally.add(judge(case, theirs, mine, strided, excuse), f"{text} (with gaps)")


def excuse_for(case: Case, text: str) -> str | None:
    """The action of the first exception that covers a sample."""
    for excuse in EXCUSES:
        if excuse.covers(case.info.full_name, case.check, text):
            return excuse.action
    return None


NAMED = promised.promises()


@pytest.mark.parametrize("promise", NAMED, ids=[p.name for p in NAMED])
def test_name(promise: promised.Promise, tally: Tally) -> None:
    """The name is where PyTorch has it: as a function, as a method, and in place."""
    with tally.about(promise.family, promise.name, "name"):
        places = [promise.name]
        if "." not in promise.name:
            places += [f"Tensor.{promise.name}", f"Tensor.{promise.name}_"]
        for place in places:
            if bridge.lookup(torch, place) is not None:
                there = bridge.lookup(gp, place) is not None
                tally.add(None if there else f"{MISSING}: {place}")


def test_every_function_is_a_method_where_it_is_one_of_pytorch() -> None:
    """Also of names beside the promised ones, as `absolute`."""
    names = [n for n in dir(gp) if callable(getattr(gp, n)) and callable(getattr(torch, n, None))]
    methods = [n for name in names for n in (name, f"{name}_") if bridge.lookup(torch, f"Tensor.{n}") is not None]
    assert len(methods) > 350
    assert [n for n in methods if bridge.lookup(gp, f"Tensor.{n}") is None] == []


def test_every_variant_is_judged() -> None:
    """No variant of a promised operation in the database is left out silently."""
    listed = {info for p in OPERATIONS for info in p.infos}
    names = {INFOS[info].name for info in listed}
    left_out = {info.full_name for info in op_db if info.name in names} - listed
    assert left_out <= {info for excuse in EXCUSES for info in excuse.infos}


def test_every_exception_is_explained() -> None:
    for excuse in EXCUSES:
        unknown = set(excuse.infos) - {"*", *INFOS}
        assert not unknown, unknown
        assert excuse.action in ACTIONS, excuse.action
        assert len(excuse.reason) > 10, f"{excuse.infos}: no reason"
