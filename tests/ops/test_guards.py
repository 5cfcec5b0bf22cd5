"""What is put before the operations that choose their dtype inside `autocast`."""

import pytest

import gpunn as gp
import gpunn.nn.functional as F  # noqa: N812 - PyTorch's habit
from gpunn.engine import autocast as state
from gpunn.ops import guards, precision


def test_what_an_operation_calls_does_not_choose_again():
    seen = []

    def inner(x):
        return gp.matmul(x, x)

    def outer(input, *, dtype=None):
        """What it sees."""
        seen.append((state.is_autocast_enabled("cpu"), input.dtype, inner(input).dtype))
        return input

    guarded = guards.guard(outer, {"cpu": precision.FLOAT32})
    x = gp.ones(2, 2)
    guarded(input=x)
    with gp.autocast("cpu"):
        guarded(x.bfloat16())
        guarded(input=x.bfloat16())
        guarded(x.bfloat16(), dtype=gp.float16)
        assert state.is_autocast_enabled("cpu")
        with pytest.raises(TypeError):
            guarded()
    assert seen == [
        (False, gp.float32, gp.float32),
        (False, gp.float32, gp.float32),
        (False, gp.float32, gp.float32),
        (True, gp.bfloat16, gp.bfloat16),
    ]
    assert guarded.__doc__ == "What it sees." and guarded.policies["cpu"] is precision.FLOAT32


def test_every_way_to_an_operation_is_guarded():
    for kind, rows in precision.TABLES.items():
        for policy, table in rows:
            for path, names in table.items():
                for name in names.split():
                    module = __import__(f"gpunn.ops.{path}", fromlist=[name])
                    assert getattr(module, name).policies[kind] is policy
    assert gp.matmul is gp.Tensor.matmul and "cuda" in gp.matmul.policies
    assert gp.arccos is gp.acos and gp.Tensor.softmax is F.softmax
