"""A block after which a model, its optimizer and the random numbers are as they were before."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gpunn import engine
from gpunn.nn.module import Module
from gpunn.ops.sampling.state import get_rng_state, set_rng_state
from gpunn.optim import Optimizer
from gpunn.tensor import Tensor


@contextmanager
def unchanged(model: Module, optimizer: Optimizer) -> Iterator[None]:
    """Inside, train as you like; at the end, also after an error, all is put back: parameters, buffers, gradients,
    training modes, the optimizer's options and state, the default generator."""
    modules = [(module, module.training, dict(module._buffers)) for module in model.modules()]
    parameters = _all_parameters(model, optimizer)
    tensors = parameters + [b for _, _, buffers in modules for b in buffers.values() if b is not None]
    copies = [t.detach().clone() for t in tensors]
    gradients = [p.grad for p in parameters]
    for p in parameters:
        p.grad = None  # backward adds to what is there
    groups = [dict(group) for group in optimizer.param_groups]
    state = {p: {name: copy.deepcopy(value) for name, value in entry.items()} for p, entry in optimizer.state.items()}
    random = get_rng_state()
    try:
        yield
    finally:
        for module, training, buffers in modules:
            module.training = training
            module._buffers.update(buffers)
        with engine.no_grad():
            for t, values in zip(tensors, copies, strict=True):
                t.copy_(values)
        for p, grad in zip(parameters, gradients, strict=True):
            p.grad = grad
        for group, options in zip(optimizer.param_groups, groups, strict=True):
            group.clear()
            group.update(options)
        optimizer.state = defaultdict(dict, state)
        set_rng_state(random)


def _all_parameters(model: Module, optimizer: Optimizer) -> list[Any]:
    """Those of the model and of the optimizer, each once."""
    found: dict[int, Tensor] = {id(p): p for p in model.parameters()}
    found.update({id(p): p for group in optimizer.param_groups for p in group["params"]})
    return list(found.values())
