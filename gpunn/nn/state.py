"""The state of a module: its parameters, buffers and modules by name; saving, loading and moving them."""

from __future__ import annotations

import difflib
import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from gpunn import dtypes, engine
from gpunn.backend import DeviceLike
from gpunn.engine import Hooks, RemovableHandle
from gpunn.errors import ArgumentTypeError, GpunnError
from gpunn.nn.parameter import Parameter
from gpunn.tensor import Tensor

if TYPE_CHECKING:
    from gpunn.nn.module import Module

EXTRA_STATE = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What did not match in `load_state_dict`."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        return "<All keys matched successfully>" if not any(self) else super().__repr__()


class StateDictError(GpunnError, RuntimeError):
    """A state dict that does not fit the module."""


class ModuleState:
    """What Module knows about its parameters, buffers and modules. Only Module derives from this."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _not_saved: set[str]
    _hooks: dict[str, Hooks]
    _version: int = 1

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(name, module) of this module and all inside it, each module once unless `remove_duplicate` is off."""
        seen = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self  # type: ignore[misc]
        for name, module in self._modules.items():
            if module is not None:
                inner = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(seen, inner, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly inside this one, each once."""
        seen: set[Any] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one, each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, table: str, prefix: str, recurse: bool, unique: bool) -> Iterator[tuple[str, Any]]:
        modules = self.named_modules(prefix=prefix, remove_duplicate=unique) if recurse else [(prefix, self)]
        seen: set[int] = set()
        for path, module in modules:
            for name, member in getattr(module, table).items():
                if member is None or id(member) in seen:
                    continue
                if unique:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) of all parameters, a shared one only once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, a shared one only once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(name, buffer) of all buffers, a shared one only once."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, a shared one only once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The module at the path `target`, such as "features.0"; the empty path is this module."""
        module: Any = self
        for name in target.split(".") if target else []:
            if name not in module._modules:
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = module._modules[name]
        found: Module = module
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the path `target`, such as "features.0.weight"."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path)._parameters.get(name)
        if found is None:
            raise AttributeError(f"{type(self.get_submodule(path)).__name__} has no parameter `{name}`")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the path `target`, such as "norm.running_mean"."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path)._buffers.get(name)
        if found is None:
            raise AttributeError(f"{type(self.get_submodule(path)).__name__} has no buffer `{name}`")
        return found

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Name → tensor of all parameters and saved buffers. The tensors share memory with the module."""
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()  # type: ignore[attr-defined]
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = {"version": self._version}
        self._run_hooks("state_dict_pre", prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        self._run_hooks("state_dict", destination, prefix, {})
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, tensor in self._own_state():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if hasattr(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        for name, tensor in itertools.chain(self._parameters.items(), self._buffers.items()):
            if tensor is not None and name not in self._not_saved:
                yield name, tensor

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the tensors of `state_dict` into this module; with `assign`, take them over instead.

        Raises StateDictError with everything that is missing, unexpected or of another shape, and then nothing was
        copied; `strict=False` lets missing and unexpected names pass.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        state = OrderedDict(state_dict)
        metadata = getattr(state_dict, "_metadata", None)
        missing: list[str] = []
        unexpected: list[str] = []
        problems: list[str] = []
        plan: list[Callable[[], None]] = []
        self._collect_load(state, "", metadata, strict, assign, missing, unexpected, problems, plan)
        known = {key for path, module in self.named_modules(remove_duplicate=False) for key in module._state_keys(path)}
        unexpected += [key for key in state if key not in known and key not in unexpected]
        result = IncompatibleKeys(missing, unexpected)
        self._run_hooks("load_post", result)
        if strict:
            problems = [*_listed("Unexpected", unexpected, known), *_listed("Missing", missing, set(state)), *problems]
        if problems:
            raise StateDictError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(problems)
            )
        for step in plan:
            step()
        return result

    def _state_keys(self, path: str) -> list[str]:
        names = [name for name, _ in self._own_state()]
        if hasattr(self, "get_extra_state") or hasattr(self, "set_extra_state"):
            names.append(EXTRA_STATE)
        return [f"{path}.{name}" if path else name for name in names]

    def _collect_load(
        self,
        state: dict[str, Any],
        prefix: str,
        metadata: Any,
        strict: bool,
        assign: bool,
        missing: list[str],
        unexpected: list[str],
        problems: list[str],
        plan: list[Callable[[], None]],
    ) -> None:
        """Check this module and all inside against `state`; what to do goes into `plan`."""
        local = {} if metadata is None else metadata.get(prefix[:-1], {})
        self._run_hooks("load_pre", state, prefix, local, strict, missing, unexpected, problems)
        self._load_from_state_dict(state, prefix, local, missing, problems, plan, assign)
        for name, module in self._modules.items():
            if module is not None:
                module._collect_load(
                    state, f"{prefix}{name}.", metadata, strict, assign, missing, unexpected, problems, plan
                )

    def _load_from_state_dict(
        self,
        state: dict[str, Any],
        prefix: str,
        metadata: dict[str, Any],
        missing: list[str],
        problems: list[str],
        plan: list[Callable[[], None]],
        assign: bool,
    ) -> None:
        """Check what belongs to this module itself. Layers override this to read older formats."""
        for name, tensor in self._own_state():
            key = prefix + name
            if key not in state:
                missing.append(key)
                continue
            value = state[key]
            if not isinstance(value, Tensor):
                problems.append(
                    f'While copying the parameter named "{key}", expected gpunn.Tensor from checkpoint but received '
                    f"{type(value)}"
                )
            elif value.shape != tensor.shape and not (tensor.ndim == 0 and tuple(value.shape) == (1,)):
                problems.append(
                    f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in "
                    f"current model is {tensor.shape}."
                )
            else:
                plan.append(_Load(self, name, tensor, value, assign))
        if hasattr(self, "set_extra_state"):
            if prefix + EXTRA_STATE in state:
                extra = state[prefix + EXTRA_STATE]
                plan.append(lambda: self.set_extra_state(extra))
            else:
                missing.append(prefix + EXTRA_STATE)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict` filled in this module."""
        return self._hooks.setdefault("state_dict", Hooks()).add((hook, False))

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` fills in this module."""
        return self._hooks.setdefault("state_dict_pre", Hooks()).add((hook, False))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` before
        this module is loaded; it may change the state dict."""
        return self._hooks.setdefault("load_pre", Hooks()).add((hook, False))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the lists in place."""
        return self._hooks.setdefault("load_post", Hooks()).add((hook, False))

    def _run_hooks(self, kind: str, *args: Any) -> None:
        for hook, _ in list(self._hooks.get(kind, {}).values()):
            hook(self, *args)

    def _apply(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Replace every parameter, gradient and buffer by fn of it; parameters keep their identity."""
        for module in self.modules():
            for parameter in module._parameters.values():
                if parameter is not None:
                    with engine.no_grad():
                        parameter.data = fn(parameter)
                        if parameter.grad is not None:
                            old, parameter.grad = parameter.grad, None
                            parameter.grad = fn(old)
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Parameters and buffers on another device, or floating ones in another dtype; returns self."""
        dtype = next((a for a in [*args, kwargs.get("dtype")] if isinstance(a, dtypes.dtype)), None)
        if dtype is not None and not dtype.is_floating_point:
            raise ArgumentTypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")

        def convert(tensor: Tensor) -> Tensor:
            moved = tensor.to(*args, **kwargs)
            if not tensor.is_floating_point() and moved.dtype is not tensor.dtype:
                return tensor.to(moved.device)
            return moved

        return self._apply(convert)

    def cpu(self) -> Self:
        """Everything in the CPU's memory; returns self."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: DeviceLike = None) -> Self:
        """Everything on a GPU; returns self."""
        return self._apply(lambda t: t.cuda(device))

    def type(self, dst_type: Any) -> Self:
        """Everything in another dtype; returns self."""
        return self._apply(lambda t: t.to(dtypes.as_dtype(dst_type)))

    def _as_floating(self, dtype: dtypes.dtype) -> Self:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self) -> Self:
        """Floating parameters and buffers as float32; returns self."""
        return self._as_floating(dtypes.float32)

    def double(self) -> Self:
        """Floating parameters and buffers as float64; returns self."""
        return self._as_floating(dtypes.float64)

    def half(self) -> Self:
        """Floating parameters and buffers as float16; returns self."""
        return self._as_floating(dtypes.float16)

    def bfloat16(self) -> Self:
        """Floating parameters and buffers as bfloat16; returns self."""
        return self._as_floating(dtypes.bfloat16)


class _Load:
    """One step of load_state_dict, taken after all checks have passed."""

    def __init__(self, module: ModuleState, name: str, old: Tensor, new: Tensor, assign: bool) -> None:
        self.module, self.name, self.old, self.new, self.assign = module, name, old, new, assign

    def __call__(self) -> None:
        if not self.assign:
            with engine.no_grad():
                self.old.copy_(self.new.reshape(self.old.shape))
        elif isinstance(self.old, Parameter):
            self.module._parameters[self.name] = Parameter(self.new, self.old.requires_grad)
        else:
            self.module._buffers[self.name] = self.new


def _listed(what: str, keys: list[str], others: set[str]) -> list[str]:
    """A line for missing or unexpected names, with the nearest name of the other side."""
    if not keys:
        return []
    named = []
    for key in keys:
        near = difflib.get_close_matches(key, others - set(keys), n=1, cutoff=0.8)
        named.append(f'"{key}"' + (f' (is "{near[0]}" meant?)' if near else ""))
    return [f"{what} key(s) in state_dict: {', '.join(named)}. "]

