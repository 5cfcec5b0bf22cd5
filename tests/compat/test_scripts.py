from gpunn import nn
from gpunn.compat.scripts import JIT


def double(x):
    return 2 * x


def test_all_run_as_they_are():
    layer = nn.Linear(2, 2)
    assert JIT["script"](double) is double and JIT["script"](layer) is layer
    assert JIT["trace"](layer, (1,), strict=False) is layer
    for mark in ("export", "unused", "script_method", "ignore"):
        assert JIT[mark](double) is double
    assert JIT["ignore"](drop=True)(double) is double
    assert JIT["annotate"](list[int], [1]) == [1]


def test_nothing_is_compiled():
    assert not JIT["is_scripting"]() and not JIT["is_tracing"]()
    assert not isinstance(JIT["script"](nn.Linear(2, 2)), JIT["ScriptModule"])
    assert not isinstance(JIT["script"](double), JIT["ScriptFunction"])
