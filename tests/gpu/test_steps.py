"""The steps find what they are there for, and run on the emulator as far as that can stand in for a GPU."""

from types import SimpleNamespace

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from tests.emulator.launching import needs_compiler
from tests.gpu import (
    bad_indices,
    instructions,
    large,
    on_gpu,
    repeats,
    sanitizer,
    special_values,
    suite,
    training,
    widths,
)
from tests.gpu.elementwise import binary, unary
from tests.gpu.guard import FENCE, Guard, check_guarded
from tests.gpu.step import Failed, Setting, Skipped
from tests.gpu.steps import STEPS
from tests.gpu.worker import outcome

REHEARSAL = Setting(rehearsal=True)
F = gp.nn.functional
needs_emulator = pytest.mark.skipif(
    emulator.compiler_problem() is not None, reason=f"no emulator: {emulator.compiler_problem()}"
)

# The others run all of their cases in a rehearsal, or need processes of their own.
SOME = {
    "environment": ["machine"],
    "instructions": None,
    "special": ["relu(x) float32", "silu(x) bfloat16", "div(x, y) float32"],
    "widths": ["softmax float32", "layer_norm bfloat16"],
    "indices": None,
    "large": None,
    "speed": ["calls", "ceilings"],
}


@needs_compiler
@pytest.mark.parametrize("name", SOME)
def test_rehearsal(name):
    cases = STEPS[name].cases(REHEARSAL)
    with emulator.enable():
        results = {case: outcome(cases[case]) for case in SOME[name] or cases}
    assert {case: r["text"] for case, r in results.items() if r["state"] != "passed"} == {}


def test_every_step_has_cases():
    for name, step in STEPS.items():
        assert step.name == name and step.title
        assert len(step.cases(Setting())) >= 3, name


def test_every_instruction_has_a_case():
    words = {word.strip(",") for case in instructions.cases(Setting()) for word in case.split()}
    assert set(instructions.wrappers()) <= words


@needs_compiler
def test_a_product_that_is_off_by_more_than_its_rounding(monkeypatch):
    right = instructions.Launcher

    class Wrong(right):
        def __call__(self, name, *arguments, **sizes):
            return [a * np.float32(1 + 2e-5) for a in super().__call__(name, *arguments, **sizes)]

    monkeypatch.setattr(instructions, "Launcher", Wrong)
    instructions.launchers.cache_clear()
    with emulator.enable(), pytest.raises(AssertionError, match="the limit is"):
        instructions.product("f16", "normal", 2)
    instructions.launchers.cache_clear()


def test_elementwise_functions_are_found():
    assert {"relu", "gelu", "exp", "sigmoid", "neg", "hardswish"} <= set(unary())
    assert {"add", "div", "mse_loss", "binary_cross_entropy_with_logits", "kl_div"} <= set(binary())
    assert not {"softmax", "dropout", "normalize", "rrelu", "cumsum", "sort"} & set(unary())


def on_cuda(right, wrong):
    """`right`, but `wrong` on the GPU."""
    return lambda *inputs: wrong(*inputs) if inputs[0].is_cuda else right(*inputs)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: gp.where(x > 0, x, gp.zeros_like(x)),  # NaN becomes 0
        lambda x: x.clamp(0, 1e30),  # infinity becomes finite
        lambda x: x.relu() * 1.001,
        lambda x: gp.where(x > 0, x, x.detach() * 0 + x.relu().detach()),  # a gradient is missing at NaN
    ],
)
def test_special_values_that_differ(wrong):
    with emulator.enable(), pytest.raises(Failed):
        special_values.compared("relu", on_cuda(F.relu, wrong), 1, "float32")


def test_special_values_may_be_flushed():
    def flushed(x):
        return gp.where(x.detach().abs() < 2.0**-126, x - x.detach(), x)

    with emulator.enable():
        facts = special_values.compared("identity", on_cuda(lambda x: x * 1, flushed), 1, "float32")
    assert facts["numbers"] == len(special_values.special("float32"))


def test_a_width_that_differs():
    def wrong(x):
        return x.sum(1) + (0.01 if x.shape[1] == 33 else 0)

    with emulator.enable(), pytest.raises(Failed, match="1 faults: width 33: value"):
        widths.compared(on_cuda(lambda x: x.sum(1), wrong), "float32", (31, 32, 33, 34))


def test_a_large_index_that_wraps():
    def on_gpu(x):
        y = F.relu(x)
        if len(x) > large.SMALL_BORDER:
            y[len(x) - 3] = 7
        return y

    with emulator.enable(), pytest.raises(AssertionError, match="value of rows"):
        large.pieces_agree(large.Large(on_gpu, backward=False), large.SMALL_BORDER)
    with emulator.enable():
        large.pieces_agree(large.Large(F.relu), large.SMALL_BORDER)


class OutOfMemoryError(Exception):
    """As CuPy calls it."""


def test_large_needs_memory():
    def greedy():
        raise OutOfMemoryError("80 GiB")

    with emulator.enable(), pytest.raises(Skipped, match="GiB of GPU memory"):
        large.need_memory(2**60)
    with pytest.raises(Skipped, match="too little memory: 80 GiB"):
        large.in_memory(greedy)


def test_a_bad_index_that_is_let_through():
    with emulator.enable():
        with pytest.raises(AssertionError, match="no IndexError"):
            bad_indices.refused(lambda i: i.clamp(0, 6) * 1.0, 7)
        with pytest.raises(AssertionError, match="does not name"):
            bad_indices.refused(refuses_without_a_name, 7)


def refuses_without_a_name(index):
    if int(index.max()) > 6:
        raise IndexError("index out of range in self")
    return index


def test_repeats_that_differ():
    runs = iter(range(9))
    with pytest.raises(AssertionError, match="result 0 of run 1 differs"):
        on_gpu.check_repeats(lambda: np.float32(next(runs)), 3)
    on_gpu.check_repeats(lambda: (np.ones(2), np.array([np.nan])), 3)


def test_kernel_tests_are_found():
    found = repeats.kernel_tests()
    assert {
        "tests/kernels/test_pool.py::test_no_faults_and_no_order",
        "tests/kernels/test_dropout.py::test_check_mode_and_orders",
    } <= {*found}
    assert not [name for name in found if "many_orders" in name or "test_source" in name or "test_orders" in name]
    assert {"tests/ops/test_pool.py", "tests/random/test_draws.py"} <= set(suite.device_tests())


class Pointer:
    """What CuPy's allocators give: an address in memory."""

    def __init__(self, memory, offset=0):
        self.memory, self.offset = memory, offset

    def __add__(self, offset):
        return Pointer(self.memory, self.offset + offset)

    def memset_async(self, value, size, stream):
        self.memory[self.offset : self.offset + size] = value


def fake_cupy():
    """Memory as CuPy hands it out."""

    def ndarray(shape, dtype, memptr):
        part = memptr.memory[memptr.offset : memptr.offset + shape[0]]
        return SimpleNamespace(get=lambda: part.copy())

    cuda = SimpleNamespace(
        get_current_stream=lambda: None,
        set_allocator=lambda malloc: None,
        runtime=SimpleNamespace(deviceSynchronize=lambda: None),
    )
    pool = SimpleNamespace(malloc=lambda size: Pointer(np.zeros(size, np.uint8)))
    return SimpleNamespace(cuda=cuda, ndarray=ndarray, get_default_memory_pool=lambda: pool)


@pytest.mark.parametrize(("place", "side"), [(-1, "before"), (8, "behind"), (11, "behind")])
def test_a_fence_that_is_hurt(place, side):
    guard = Guard(fake_cupy(), 0xFF)
    guard.malloc(0)
    pointer = guard.malloc(8)
    assert pointer.offset == FENCE and (pointer.memory[FENCE : FENCE + 8] == 0xFF).all()
    pointer.memory[FENCE + place] = 1
    with pytest.raises(AssertionError, match=f"allocation 1 of 8 bytes: 1 bytes {side} it .* at .{abs(place)}$"):
        guard.check()


def test_fences_that_stand():
    guard = Guard(fake_cupy(), 0)
    guard.malloc(8).memory[FENCE : FENCE + 8] = 3
    assert guard.check() == 1 and guard.check() == 0


def test_memory_that_is_never_written(monkeypatch):
    cupy, allocator = fake_cupy(), []
    cupy.cuda.set_allocator = allocator.append
    monkeypatch.setattr("tests.gpu.guard.backend.cuda_module", lambda: cupy)

    def run(written):
        pointer = allocator[-1](4)
        pointer.memory[FENCE : FENCE + written] = 1
        return pointer.memory[FENCE : FENCE + 4].copy()

    check_guarded(lambda: run(4))
    with pytest.raises(AssertionError, match="result 0 depends on what was in memory"):
        check_guarded(lambda: run(3))


REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="good"/>
<testcase classname="tests.a" name="absent"><skipped message="no GPU: none"/></testcase>
<testcase classname="tests.a" name="bad"><failure message="assert 1 == 2">where it was</failure></testcase>
</testsuite></testsuites>"""


def test_counts_of_a_report():
    found = suite.counts(REPORT)
    assert (found["passed"], found["skipped"], found["failed"]) == (1, 1, 1)
    assert found["reasons"] == ["no GPU: none"]
    assert found["faults"] == [("tests.a::bad", "where it wasassert 1 == 2")]


def test_a_file_of_tests_in_a_process(tmp_path):
    file = tmp_path / "test_planted.py"
    file.write_text("def test_good():\n    pass\ndef test_bad():\n    assert 1 == 2\n")
    with pytest.raises(Failed, match=r"(?s)code 1.*test_bad.*assert 1 == 2") as caught:
        suite.pytest_facts([str(file)])
    assert caught.value.facts["passed"] == caught.value.facts["failed"] == 1


def test_no_sanitizer(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(Skipped, match="not installed"):
        sanitizer.tried("memcheck")
    with pytest.raises(Skipped, match="not installed"):
        sanitizer.sanitized("memcheck", "tests/kernels/test_pool.py")


def test_a_sanitizer_that_does_not_work(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: name)
    answer = SimpleNamespace(returncode=1, stdout="Device not supported", stderr="")
    monkeypatch.setattr(sanitizer, "python", lambda arguments, before: answer)
    with pytest.raises(Skipped, match=r"racecheck does not work here .code 1.: Device not supported"):
        sanitizer.tried("racecheck")


@needs_compiler
def test_the_planted_kernels_compile(monkeypatch):
    monkeypatch.setattr("gpunn.emulator.namespace.cupy.cuda.set_allocator", lambda allocator: None, raising=False)
    with emulator.enable():
        assert sanitizer.main([]) == sanitizer.main(["unwritten"]) == sanitizer.main(["race"]) == 0


def test_what_gpunn_lacks_is_named(monkeypatch):
    def build(place):
        raise AttributeError("nn has no Capsule")

    monkeypatch.setitem(training.MODELS, "capsule", training.Model(build, (2, 3), 4))
    facts = training.compared("capsule", REHEARSAL)
    assert facts["missing"] == {"gpunn fp32": "AttributeError('nn has no Capsule')"}
