"""Module: the base class of layers and models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from gpunn.engine import Hooks, RemovableHandle, anomaly
from gpunn.errors import ArgumentError, ArgumentTypeError, GpunnError, UnsupportedError
from gpunn.nn.backward_hooks import BackwardWatch
from gpunn.nn.parameter import Parameter
from gpunn.nn.state import ModuleState
from gpunn.tensor import Tensor


class Module(ModuleState):
    """A part of a model: parameters, buffers, other modules, and `forward`, which says what it computes.

    Parameters and modules that are assigned as attributes are registered under the attribute's name.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        put = object.__setattr__
        put(self, "training", True)
        put(self, "_parameters", {})
        put(self, "_buffers", {})
        put(self, "_not_saved", set())  # names of buffers that the state dict leaves out
        put(self, "_modules", {})
        put(self, "_hooks", {})  # by kind: "forward_pre", "forward", "backward", "backward_pre", "state_dict", …

    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if anomaly.active.get() is not None:
                return self._call_watched(args, kwargs)
            if not self._hooks and not _global_hooks:
                return self.forward(*args, **kwargs)
            return self._call_with_hooks(args, kwargs)
        except GpunnError as error:
            self._locate(error)
            raise
        except AttributeError as error:
            if "forward" not in str(error) or hasattr(type(self), "forward"):
                raise
            raise UnsupportedError(f'Module [{type(self).__name__}] is missing the required "forward" function') from None

    def _call_watched(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """In anomaly mode: let operations know in which layer they run."""
        before = anomaly.layers.get()
        anomaly.layers.set((*before, self))
        try:
            return self._call_with_hooks(args, kwargs)
        finally:
            anomaly.layers.set(before)

    def _locate(self, error: GpunnError) -> None:
        """Note that `error` came through this module, so that its message names the layer's path."""
        error.modules = (self, *error.modules)
        error.layer = anomaly.layer_path(error.modules)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs in self._hooks_of("forward_pre"):
            found = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if found is not None and with_kwargs:
                args, kwargs = found
            elif found is not None:
                args = found if isinstance(found, tuple) else (found,)
        args, watch = self._watch_backward(args)
        result = self.forward(*args, **kwargs)
        for hook, with_kwargs in self._hooks_of("forward"):
            found = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            result = result if found is None else found
        return result if watch is None else watch(result)

    def _hooks_of(self, kind: str) -> list[tuple[Any, bool]]:
        mine = self._hooks.get(kind)
        everywhere = _global_hooks.get(kind)
        return [*(everywhere.values() if everywhere else ()), *(mine.values() if mine else ())]

    def _watch_backward(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], Callable[[Any], Any] | None]:
        """Put the backward hooks around the call, if there are any."""
        before, after = self._hooks_of("full_backward_pre"), self._hooks_of("full_backward")
        if not before and not after:
            return args, None
        watch = BackwardWatch(self, [h for h, _ in before], [h for h, _ in after])
        return watch.inputs(args), watch.outputs

    def _add_hook(self, kind: str, hook: Any, with_kwargs: bool = False, prepend: bool = False) -> RemovableHandle:
        hooks = self._hooks.setdefault(kind, Hooks())
        handle: RemovableHandle = hooks.add((hook, with_kwargs))
        if prepend:
            others = {k: v for k, v in hooks.items() if k != handle.id}
            last = hooks[handle.id]
            hooks.clear()
            hooks.update({handle.id: last, **others})
        return handle

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns replaces the arguments."""
        return self._add_hook("forward_pre", hook, with_kwargs, prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns replaces the output."""
        return self._add_hook("forward", hook, with_kwargs, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` in backward; what it returns replaces grad_input."""
        return self._add_hook("full_backward", hook, prepend=prepend)

    register_backward_hook = register_full_backward_hook

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before backward of this module; what it returns replaces grad_output."""
        return self._add_hook("full_backward_pre", hook, prepend=prepend)

    def __setattr__(self, name: str, value: Any) -> None:
        parameters = self.__dict__.get("_parameters")
        if isinstance(value, (Parameter, Module)) and parameters is None:
            raise AttributeError(
                f"{type(self).__name__}: cannot assign {type(value).__name__} before Module.__init__() call; "
                "call super().__init__() first"
            )
        if parameters is None:
            object.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            self._forget(name, keep="_parameters")
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._forget(name, keep="_modules")
            self._modules[name] = value
        elif name in self._parameters:
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign {type(value).__name__} as parameter '{name}' of {type(self).__name__} "
                    "(nn.Parameter or None expected)"
                )
            self._parameters[name] = None
        elif name in self._modules:
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign {type(value).__name__} as child module '{name}' of {type(self).__name__} "
                    "(nn.Module or None expected)"
                )
            self._modules[name] = None
        elif name in self._buffers:
            if value is not None and not isinstance(value, Tensor):
                raise ArgumentTypeError(
                    f"cannot assign {type(value).__name__} as buffer '{name}' of {type(self).__name__} "
                    "(Tensor or None expected)"
                )
            self._buffers[name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, keep: str) -> None:
        """Take `name` out of wherever it is, but leave its place in the table it goes back into."""
        for table in ("_parameters", "_buffers", "_modules"):
            if table != keep:
                self.__dict__[table].pop(name, None)
        self.__dict__.pop(name, None)
        self._not_saved.discard(name)

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table)
            if found is not None and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]  # type: ignore[attr-defined]
                self._not_saved.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]
        return sorted({n for n in names if n.isidentifier()})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register `param` as `self.<name>`; None keeps the name free in the state dict."""
        self._check_name(name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' (nn.Parameter or None required)"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that is part of the state but not learned; not saved unless `persistent`."""
        self._check_name(name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (Tensor or None required)"
            )
        self._buffers[name] = tensor
        if not persistent:
            self._not_saved.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Register `module` as `self.<name>`."""
        if module is not None and not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name(name, self._modules)
        self._modules[name] = module

    register_module = add_module

    def _check_name(self, name: str, table: dict[str, Any]) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot register before Module.__init__() call; call super().__init__() first")
        if not isinstance(name, str):
            raise ArgumentTypeError(f"a name must be a string, got {type(name).__name__}")
        if "." in name or name == "":
            raise KeyError(f'a name cannot be empty or contain ".", got {name!r}')
        if hasattr(self, name) and name not in table:
            raise KeyError(f"attribute '{name}' already exists")

    def train(self, mode: bool = True) -> Self:
        """Training mode on or off, for this module and all inside; returns self."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"train: training mode is expected to be boolean, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Training mode off; returns self."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether autograd records what is done with the parameters; returns self."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad.detach()
                parameter.grad.zero_()

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module inside, then on this one; returns self."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def extra_repr(self) -> str:
        """What the repr shows inside the parentheses."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [
            f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()
        ]
        if not children and len(extra) <= 1:
            return f"{self._get_name()}({''.join(extra)})"
        return f"{self._get_name()}(\n  " + "\n  ".join(extra + children) + "\n)"


_global_hooks: dict[str, Hooks] = {}
