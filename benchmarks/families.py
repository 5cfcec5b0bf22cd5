"""All cases, by family, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from . import (
    activation,
    arithmetic,
    attention,
    conv,
    dropout,
    engine,
    indexing,
    kernels,
    linalg,
    loss,
    models,
    norm,
    optimizer,
    pool,
    recurrent,
    reduction,
    resize,
    softmax,
)
from .case import Case

FAMILIES = {
    "ops": (arithmetic, reduction, linalg, activation, softmax, loss, resize, dropout, indexing, optimizer),
    "layers": (conv, pool, recurrent, attention, norm),
    "models": (models,),
    "overhead": (engine, kernels),
}


def everything() -> Iterator[Case]:
    """Every case, with the name of its family: "ops/softmax"."""
    for group, modules in FAMILIES.items():
        for module in modules:
            stem = module.__name__.rpartition(".")[2]
            family = group if stem == group else f"{group}/{stem}"
            for case in module.cases():
                yield replace(case, family=family)


def select(
    words: Sequence[str],
    quick: bool,
    dtypes: Sequence[str] = ("float32",),
    layouts: Sequence[str] = (),
    large: bool = True,
) -> list[Case]:
    """The cases whose "family/name" contains one of `words`, in each type and memory format; `quick`: only a few.

    "amp" is a type of models only.
    """
    chosen = []
    for case in everything():
        if (quick and not case.quick) or (case.large and not large):
            continue
        if words and not any(word in f"{case.family}/{case.title}" for word in words):
            continue
        for dtype in dtypes if not case.calls else ("float32",):
            if dtype == "amp" and not case.is_model:
                continue
            for layout in layouts if layouts and case.planar else (case.layout,):
                chosen.append(replace(case, dtype=dtype, layout=layout))
    return list({case.title: case for case in chosen}.values())
