"""Optimizer: parameter groups, their options and state, and the frame of a step."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from gpunn import capture, dtypes, engine
from gpunn.backend import Array, array_module, cache_pieces, device_of, is_cuda_in_use, placed_on
from gpunn.engine import Hooks, bump, quietly
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError
from gpunn.ops.creation import tensor
from gpunn.optim import one_launch
from gpunn.optim.hooks import OptimizerHooks
from gpunn.optim.one_launch import Job, OneLaunch, new_job
from gpunn.optim.options import options_of
from gpunn.optim.parameters import are_alike, check_params, fitted, listed
from gpunn.optim.recorded import RecordedStep, Replays
from gpunn.tensor import Tensor


class _Required:
    """The default of an option that each parameter group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
_NO_STATE: Any = MappingProxyType({})  # of a parameter that has none
Params: TypeAlias = "Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]"


class Optimizer(OptimizerHooks):
    """Changes parameters along their gradients. Subclasses give `update`, which changes one parameter.

    `param_groups` is a list of dicts: "params" and the options that hold for them. `state` maps each parameter to a
    dict of tensors. On a GPU, `kernel` steps all parameters of a dtype in one launch.
    """

    kernel: ClassVar[tuple[str, str] | None] = None  # file and name; None: `update` serves on a GPU, too
    arrays: ClassVar[tuple[str, ...]] = ()  # the states that the kernel takes, three at most
    counts: ClassVar[tuple[str, ...]] = ("step",)  # the numbers in the state of a parameter; they stay on the CPU

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor"
            )
        self.defaults = defaults
        self._forget_launches()
        self.state = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ArgumentError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)  # type: ignore[arg-type]

    def _forget_launches(self) -> None:
        self._hooks: dict[str, Hooks] = {}
        self._launches: dict[tuple[Any, ...], OneLaunch] = {}
        self._seen: one_launch.Seen = {}
        self._found: list[Array] = []  # in a captured step: numbers on the GPU that forbid the step unless they are 0
        self._moves = 0  # changes whenever states or counts do, other than by a graph that knows of it
        self._unsettled: list[Replays] = []  # those whose replays the counts do not know of

    @property
    def state(self) -> defaultdict[Tensor, dict[str, Any]]:
        """For each parameter, by name: the tensors that steps keep."""
        for replays in self._unsettled:
            replays.settle()
        self._unsettled.clear()
        return self._state

    @state.setter
    def state(self, state: defaultdict[Tensor, dict[str, Any]]) -> None:
        self._unsettled.clear()
        self._state = state
        self._moves += 1

    def completed(self, p: Array, state: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """`state` and all that a step of `p` needs besides it, in a new dict."""
        numbers, arrays = self.first_counts(options), self.first_arrays(options)
        xp, dtype = array_module(p), dtypes.get_default_dtype()
        dtype = dtype if dtype is dtypes.float64 else dtypes.float32
        fresh = {name: tensor(value, dtype=dtype, device="cpu") for name, value in numbers.items()}
        with placed_on(device_of(p)):
            fresh |= {name: Tensor(xp.full_like(p, value)) for name, value in arrays.items()}
        return {**state, **{name: new for name, new in fresh.items() if state.get(name) is None}}

    def first_counts(self, options: dict[str, Any]) -> dict[str, float]:
        """The `counts` of a parameter before its first step."""
        return {"step": 0.0}

    def first_arrays(self, options: dict[str, Any]) -> dict[str, float]:
        """The arrays that a parameter gets before its first step, and what they are filled with."""
        return {}

    def advanced(self, state: dict[str, Any], options: dict[str, Any]) -> tuple[float, ...]:
        """What the `counts` of `state` will be after this step."""
        return (state["step"].item() + 1,)

    def progress(self, state: dict[str, Any], is_first: bool) -> tuple[float, ...]:
        """What the kernel knows of the steps so far: up to three numbers."""
        return tuple([state[name].item() for name in self.counts])

    def numbers(self, options: dict[str, Any]) -> tuple[float, ...]:
        """The options that only this optimizer has, in the order of its kernel's record."""
        return ()

    def update(self, p: Array, grad: Array, state: dict[str, Any], options: dict[str, Any], is_first: bool) -> None:
        """Change `p` and the arrays of `state` in place along `grad`: the reference for the kernel.

        `is_first`: the arrays of `state` are new. The counts are moved on later.
        """
        raise NotImplementedError

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own: {"params": …, "lr": …}. Options left out are the defaults."""
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        entries = self._without_names(listed(group["params"]), group)
        check_params(entries, {id(p) for p in self._all_params()})
        group["params"] = entries
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ArgumentError(f"parameter group didn't specify a value of required optimization parameter {name}")
            group.setdefault(name, default)
        if group.get("differentiable"):
            raise UnsupportedError(f"{type(self).__name__}: differentiable=True; steps are not part of the graph")
        self.check_options(group)
        self.param_groups.append(group)

    def _without_names(self, entries: list[Any], group: dict[str, Any]) -> list[Any]:
        """The tensors of `entries`, which may be pairs (name, tensor); the names go to group["param_names"]."""
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        rule = "all optimizer params should be with/without names. "
        if names and len(names) < len(entries):
            raise ArgumentError(f"{rule}Some param names are missing")
        if names:
            group["param_names"] = names
        if any(("param_names" in g) != bool(names) for g in self.param_groups):
            raise ArgumentError(f"{rule}cannot add param group with{'' if names else 'out'} names to the optimizer")
        return [entry[1] for entry in entries] if names else entries

    def check_options(self, group: dict[str, Any]) -> None:
        """Raise ArgumentError if an option of `group` has a value it cannot have."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient. `closure`, if given, computes the loss first; it is returned."""
        args: tuple[Any, ...] = (self,) if closure is None else (self, closure)
        args, kwargs = self._arguments_after_hooks(args)
        loss = self._step(*args[1:], **kwargs)
        for hook in self._hooks_of("post"):
            hook(self, args, kwargs)
        return loss

    def step_unless(self, found: list[Tensor], *args: Any, **kwargs: Any) -> Any:
        """`step`, in a captured step: at each launch it is made if all numbers `found`, on the GPU, are 0."""
        self._found = [flag.array for flag in found]
        try:
            return self.step(*args, **kwargs)
        finally:
            self._found = []

    @engine.no_grad()
    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with engine.enable_grad():
                loss = closure()
        plain, by_place = one_launch.sorted_out(self.kernel, list(self._jobs()), self._seen)
        if (recording := capture.current()) is not None:
            RecordedStep(self, recording, plain, by_place, self._found)
            return loss
        self._moves += 1
        ready = [self._launches.setdefault(place, OneLaunch()).prepared(self, jobs) for place, jobs in by_place.items()]
        for launch in ready:
            launch()
        for place, jobs in by_place.items():
            for job in jobs:
                self._commit(job)
            self._launches[place].expect(self)
        with quietly():
            for job in plain:
                grad = -job.grad if job.options.get("maximize") else job.grad
                self.update(job.p.array, grad, job.state, job.options, job.is_first)
                self._commit(job)
        return loss

    def _jobs(self) -> Iterator[Job]:
        """What a step is to do, with the states it needs; nothing has changed yet.

        Raises ShapeError if a gradient does not fit its parameter, which may have got other data.
        """
        known, has_kernels = self.state, is_cuda_in_use()
        for number, group in enumerate(self.param_groups):
            options = options_of(group)
            needed = (*self.first_counts(options), *self.first_arrays(options))
            for i, p in enumerate(group["params"]):
                grad = p._grad
                if grad is not None:
                    if not are_alike(p.array, grad.array):
                        raise self._misfit(number, i, p)
                    before = state = known.get(p, _NO_STATE)
                    for name in needed:
                        if before.get(name) is None:
                            state = self.completed(p.array, before, options)
                            break
                    arrays = self._arrays_of(state) if has_kernels else ()
                    yield new_job(Job, (number, options, p, grad.array, state, arrays, len(state) > len(before)))

    def _arrays_of(self, state: dict[str, Any]) -> tuple[Array | None, ...]:
        """The states that the kernel takes."""
        return tuple([None if (s := state.get(name)) is None else s.array for name in self.arrays])

    def _commit(self, job: Job) -> None:
        """Let the step that has been made count."""
        if self.counts:
            for name, value in zip(self.counts, self.advanced(job.state, job.options), strict=True):
                job.state[name].array[...] = value
        if job.state:
            self._state[job.p] = job.state  # its counts have been settled by `_jobs`
        bump(job.p)

    def _misfit(self, group: int, number: int, p: Any) -> ShapeError:
        """The error for a parameter whose gradient does not fit."""
        return ShapeError(
            f"{type(self).__name__}.step: parameter {number} of group {group} has shape {p.array.shape}, its gradient "
            f"{p.grad.array.shape}; {p.array.dtype} on {p.device} and {p.grad.array.dtype} on {p.grad.device}; call "
            "zero_grad() after changing a parameter's data"
        )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for p in self._all_params():
            if set_to_none:
                p._grad = None
            elif p.grad is not None:
                if p.grad.is_leaf:
                    p.grad.requires_grad_(False)
                else:
                    p.grad.detach_()
                p.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: tensors}, "param_groups": options with parameters as numbers}."""
        for hook in self._hooks_of("state_dict_pre"):
            hook(self)
        numbers = {id(p): i for i, p in enumerate(self._all_params())}
        groups = [{**{k: v for k, v in g.items() if k != "params"}, "params": [numbers[id(p)] for p in g["params"]]}
                  for g in self.param_groups]  # fmt: skip
        state = {numbers[id(p)]: dict(s) for p, s in self.state.items() if id(p) in numbers}
        return self._replaced("state_dict", {"state": dict(sorted(state.items())), "param_groups": groups})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over options and state from what `state_dict` gave; nothing changes if they do not fit."""
        state_dict = self._replaced("load_pre", dict(state_dict))
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ArgumentError(
                f"loaded state dict has a different number of parameter groups: {len(groups)}, "
                f"the optimizer has {len(self.param_groups)}"
            )
        for mine, theirs in zip(self.param_groups, groups, strict=True):
            if len(mine["params"]) != len(theirs["params"]):
                raise ArgumentError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"{len(theirs['params'])} and {len(mine['params'])} parameters"
                )
        numbers = [n for g in groups for n in g["params"]]
        params = dict(zip(numbers, self._all_params(), strict=True))
        state = {params[n]: fitted(s, params[n], self.counts) for n, s in state_dict["state"].items() if n in params}
        options = [copy.deepcopy({k: v for k, v in g.items() if k != "params"}) for g in groups]
        self.param_groups = [{**mine, **theirs} for mine, theirs in zip(self.param_groups, options, strict=True)]
        self.state = defaultdict(dict, state)
        for hook in self._hooks_of("load_post"):
            hook(self)

    def _all_params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [""] * (i > 0) + [f"Parameter Group {i}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._forget_launches()
        for name, value in state.items():
            setattr(self, name, value)


def pieces(grad: Array, *changed: Array) -> Iterator[tuple[Array, ...]]:
    """(grad, *changed) in pieces that stay in the cache; what is done in place to those of `changed` counts.

    Half types come as float32, so that a step rounds once and 0.999 does not become 1.
    """
    for parts in cache_pieces(grad, *changed):
        if grad.dtype.itemsize != 2:
            yield parts
            continue
        wide = tuple(part.astype(array_module(part).float32) for part in parts)
        yield wide
        for narrow, result in zip(parts[1:], wide[1:], strict=True):
            narrow[...] = result


def decayed(grad: Array, p: Array, options: dict[str, Any]) -> Array:
    """grad + weight_decay * p."""
    return grad + options["weight_decay"] * p if options["weight_decay"] else grad
