"""The state of a module: its parameters and buffers by name, to save and to load."""

from __future__ import annotations

import difflib
import functools
import itertools
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from gpunn import engine
from gpunn.errors import ArgumentTypeError, GpunnError, GraphError
from gpunn.nn.hooks import ModuleHooks
from gpunn.nn.parameter import Parameter
from gpunn.nn.tree import ModuleTree
from gpunn.tensor import Tensor

EXTRA_STATE = "_extra_state"
MOST_SUGGESTIONS = 10  # names to look for a near one: each is compared with all others


class IncompatibleKeys(NamedTuple):
    """What did not match in `load_state_dict`."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class StateDictError(GpunnError, RuntimeError):
    """A state dict that does not fit the module."""


class ModuleState(ModuleHooks, ModuleTree):
    """The methods of Module that save and load its state. Only Module derives from this."""

    _version: ClassVar[int] = 1  # of the layer's state dict; a layer that changes its own raises it
    _not_saved: set[str]

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Name → tensor of all parameters and saved buffers. The tensors share memory with the module.

        They are detached unless `keep_vars`. With `destination` they are added to that dict. In old programs `args`
        are these three in order.
        """
        if args:
            warnings.warn("state_dict: give destination, prefix and keep_vars by name", FutureWarning, stacklevel=2)
            given = [*args, *[destination, prefix, keep_vars][len(args) :]]
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        self._run_hooks("state_dict_pre", prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        self._run_hooks("state_dict", destination, prefix, local_metadata)
        found: dict[str, Any] = destination
        return found

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, tensor in self._own_state():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not ModuleState.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def get_extra_state(self) -> Any:
        """What the state dict holds beside tensors, under "_extra_state": for modules that have such a method."""
        raise GraphError(
            f"{type(self).__name__}.get_extra_state: there is none; define it, and set_extra_state, to have more in "
            "the state dict"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take over what `get_extra_state` has given, when a state dict is loaded: for modules that have it."""
        raise GraphError(f"{type(self).__name__}.set_extra_state: there is none; define it beside get_extra_state")

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        for name, tensor in itertools.chain(self._parameters.items(), self._buffers.items()):
            if tensor is not None and name not in self._not_saved:
                yield name, tensor

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the tensors of `state_dict` into this module; with `assign`, take them over instead.

        Raises StateDictError with all that is missing, unexpected or of another shape; then nothing was copied,
        unless a post hook had to see the result first. `strict=False` lets missing and unexpected names pass.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(
                f"Expected state_dict to be dict-like, got {type(state_dict)}. "
                "Of a file: load_state_dict(gpunn.load(path))"
            )
        load = _Loading(state_dict, strict, assign)
        load.check(self)
        hooked = [module for module in self.modules() if module._hooks_of("load_post")]
        if load.problems or not hooked:
            load.refuse(self)
        load.copy()
        for module in reversed(hooked):  # a module after those inside it
            module._run_hooks("load_post", load.result)
        load.refuse(self)
        return load.result

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Check what belongs to this module itself; what is to be copied goes into local_metadata["plan"].

        Layers override this to read older formats.
        """
        plan: list[Callable[[], None]] = local_metadata["plan"]
        for name, tensor in self._own_state():
            key = prefix + name
            if key not in state_dict:
                missing_keys.append(key)
                continue
            problem = _misfit(key, tensor, state_dict[key])
            if problem is None:
                plan.append(functools.partial(self._load, name, state_dict[key], local_metadata["assign"]))
            else:
                error_msgs.append(problem)
        if type(self).set_extra_state is not ModuleState.set_extra_state:
            if prefix + EXTRA_STATE in state_dict:
                plan.append(functools.partial(self.set_extra_state, state_dict[prefix + EXTRA_STATE]))
            else:
                missing_keys.append(prefix + EXTRA_STATE)

    def _load(self, name: str, value: Tensor, assign: bool) -> None:
        """Copy `value` into the parameter or buffer `name`, or put it in its place."""
        parameter = self._parameters.get(name)
        if parameter is not None and assign:
            own = value if isinstance(value, Parameter) else Parameter(value, parameter.requires_grad)
            own.requires_grad_(parameter.requires_grad)
            self._parameters[name] = own
        elif assign:
            self._buffers[name] = value
        else:
            old: Any = self._buffers[name] if parameter is None else parameter
            with engine.no_grad():
                old.copy_(value.reshape(old.shape))

    def _state_keys(self, path: str) -> list[str]:
        names = [name for name, _ in self._own_state()]
        if type(self).set_extra_state is not ModuleState.set_extra_state:
            names.append(EXTRA_STATE)
        return [f"{path}.{name}" if path else name for name in names]


class _Loading:
    """One call of load_state_dict: what does not fit, and what there is to copy."""

    def __init__(self, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.state: dict[str, Any] = OrderedDict(state_dict)
        self.metadata = getattr(state_dict, "_metadata", {})
        self.strict, self.assign = strict, assign
        self.result = IncompatibleKeys([], [])
        self.problems: list[str] = []
        self.plan: list[Callable[[], None]] = []

    def check(self, module: Any) -> None:
        """Check `module` and all inside against the state dict."""
        self._check_tree(module, "")
        paths = module.named_modules(remove_duplicate=False)
        self.known = {key for path, inner in paths for key in inner._state_keys(path)}
        unexpected = self.result.unexpected_keys
        unexpected += [key for key in self.state if key not in self.known and key not in unexpected]

    def _check_tree(self, module: Any, prefix: str) -> None:
        local = {**self.metadata.get(prefix[:-1], {}), "assign": self.assign, "plan": self.plan}
        arguments = (self.state, prefix, local, self.strict, *self.result, self.problems)
        module._run_hooks("load_pre", *arguments)
        module._load_from_state_dict(*arguments)
        for name, inner in module._modules.items():
            if inner is not None:
                self._check_tree(inner, f"{prefix}{name}.")

    def refuse(self, module: Any) -> None:
        """Raise if something does not fit."""
        problems = list(self.problems)
        if self.strict:
            missing, unexpected = self.result
            problems = [
                *_listed("Missing", missing, self.state.keys() - self.known),
                *_listed("Unexpected", unexpected, set(missing)),
                *_prefixed(missing, unexpected),
                *problems,
            ]
        if problems:
            name = type(module).__name__
            raise StateDictError(f"Error(s) in loading state_dict for {name}:\n\t" + "\n\t".join(problems))

    def copy(self) -> None:
        """Do what was planned."""
        for step in self.plan:
            step()


def _misfit(key: str, tensor: Tensor, value: Any) -> str | None:
    """Why `value` cannot be loaded into `tensor`; None if it can."""
    if not isinstance(value, Tensor):
        return (
            f'While copying the parameter named "{key}", expected gpunn.Tensor from checkpoint but received '
            f"{type(value)}"
        )
    if value.shape != tensor.shape and not (tensor.ndim == 0 and tuple(value.shape) == (1,)):
        return (
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in "
            f"current model is {tensor.shape}."
        )
    return None


def _prefixed(missing: list[str], unexpected: list[str]) -> list[str]:
    """A line that says how to load a state dict whose names all begin with one more word, such as "module."."""
    words = {key.partition(".")[0] for key in unexpected}
    if len(words) != 1 or {key.partition(".")[2] for key in unexpected} != set(missing):
        return []
    prefix = words.pop() + "."
    return [f'All names begin with "{prefix}": load {{k.removeprefix("{prefix}"): v for k, v in state.items()}}. ']


def _listed(what: str, keys: list[str], others: set[str]) -> list[str]:
    """A line for missing or unexpected names, each with the nearest name of the other side."""
    if not keys:
        return []
    named = []
    for i, key in enumerate(keys):
        near = difflib.get_close_matches(key, others, n=1, cutoff=0.8) if i < MOST_SUGGESTIONS else []
        named.append(f'"{key}"' + (f' (is "{near[0]}" meant?)' if near else ""))
    return [f"{what} key(s) in state_dict: {', '.join(named)}. "]
