"""Module: the base class of layers and models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

from gpunn import capture
from gpunn.engine import anomaly
from gpunn.errors import ArgumentError, ArgumentTypeError, GpunnError, UnsupportedError
from gpunn.nn.moving import ModuleMoving
from gpunn.nn.parameter import Buffer, Parameter
from gpunn.nn.state import ModuleState
from gpunn.tensor import Tensor

TABLES = ("_parameters", "_buffers", "_modules")


class Module(ModuleState, ModuleMoving):
    """A part of a model: parameters, buffers, other modules, and `forward`, which says what it computes.

    Parameters, buffers and modules that are assigned as attributes are registered under the attribute's name.
    """

    _compiler: ClassVar[Callable[..., Any]]  # gpunn.compile.in_place, which is on a floor above and puts itself here
    _compiled: Any = None  # its InPlace

    def __init__(self) -> None:
        put = object.__setattr__
        put(self, "training", True)
        put(self, "_parameters", {})
        put(self, "_buffers", {})
        put(self, "_not_saved", set())  # names of buffers that the state dict leaves out
        put(self, "_modules", {})
        put(self, "_hooks", {})  # by kind, see ModuleHooks

    def _forward_unimplemented(self, *input: Any) -> Any:
        """Compute the output. Every layer and model has its own."""
        raise UnsupportedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function; '
            "is one defined, and indented as deep as __init__?"
        )

    forward: Callable[..., Any] = _forward_unimplemented

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._compiled is not None and not self._compiled.is_running:
            return self._compiled(*args, **kwargs)
        if (noted := capture.noted()) is not None:
            noted.modules[id(self)] = self
        try:
            if anomaly.active.get() is not None:
                return self._call_watched(args, kwargs)
            if not self._hooks:
                return self.forward(*args, **kwargs)
            return self._call_with_hooks(args, kwargs)
        except GpunnError as error:
            self._locate(error)
            raise

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Let calls from now on be those of `gp.compile(self, *args, **kwargs)`; the module stays what it is.

        Copies of the module are not compiled.
        """
        object.__setattr__(self, "_compiled", type(self)._compiler(self, *args, **kwargs))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

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

    def __setattr__(self, name: str, value: Any) -> None:
        parameters = self.__dict__.get("_parameters")
        if parameters is None:
            if isinstance(value, (Parameter, Module)):
                kind = "parameters" if isinstance(value, Parameter) else "module"
                raise AttributeError(
                    f"{type(self).__name__}: cannot assign {kind} before Module.__init__() call; "
                    "call super().__init__() first"
                )
            object.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            self._forget(name, keep="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Buffer) and name not in parameters:
            self._forget(name, keep="_buffers")
            self.register_buffer(name, value, value.persistent)
        elif isinstance(value, Module) and name not in parameters:
            self._forget(name, keep="_modules")
            self._modules[name] = value
        else:
            self._assign(name, value)

    def _assign(self, name: str, value: Any) -> None:
        """Set an attribute to what is neither a parameter nor a module; a registered name keeps its kind."""
        for table, kind, type_, wanted in KINDS:
            if name not in self.__dict__[table]:
                continue
            if value is not None and not isinstance(value, type_):
                raise ArgumentTypeError(
                    f"cannot assign {type(value).__name__} as {kind} '{name}' of {type(self).__name__} "
                    f"({wanted} or None expected)"
                )
            self.__dict__[table][name] = value
            return
        object.__setattr__(self, name, value)

    def _forget(self, name: str, keep: str) -> None:
        """Take `name` out of wherever it is, but leave its place in the table it goes back into."""
        for table in TABLES:
            if table != keep:
                self.__dict__[table].pop(name, None)
        self.__dict__.pop(name, None)
        self._not_saved.discard(name)

    def __getattr__(self, name: str) -> Any:
        for table in TABLES:
            found = self.__dict__.get(table)
            if found is not None and name in found:
                return found[name]
        if "_modules" not in self.__dict__:
            raise AttributeError(
                f"{type(self).__name__}: no attribute '{name}' before Module.__init__() call; "
                "call super().__init__() first"
            )
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for table in TABLES:
            if name in self.__dict__[table]:
                del self.__dict__[table][name]
                self._not_saved.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[:1].isdigit())

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register `param` as `self.<name>`; None reserves the name."""
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' (nn.Parameter or None required)"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that is part of the state but not learned; not saved unless `persistent`."""
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._not_saved.discard(name)
        else:
            self._not_saved.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Register `module` as `self.<name>`."""
        if module is not None and not isinstance(module, Module):
            raise ArgumentTypeError(no_module(module))
        self._check_name("module", name, "_modules")
        self._modules[name] = module

    register_module = add_module

    def _check_name(self, kind: str, name: str, table: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call; call super().__init__() first")
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if "." in name or name == "":
            raise KeyError(f'{kind} name must not be empty or contain ".", got "{name}"')
        if hasattr(self, name) and name not in self.__dict__[table]:
            raise KeyError(f"attribute '{name}' already exists")

    def train(self, mode: bool = True) -> Self:
        """Training mode on or off, for this module and all inside; returns self."""
        if not isinstance(mode, bool):
            raise ArgumentError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
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
        text = self.extra_repr()
        extra = text.split("\n") if text else []
        children = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        if not children and len(extra) <= 1:
            return f"{self._get_name()}({text})"
        return f"{self._get_name()}(\n  " + "\n  ".join(extra + children) + "\n)"


def no_module(value: object) -> str:
    """What to say of `value`, which is no module although one was expected."""
    if isinstance(value, type):
        return f"the class {value.__name__} is not a module; make one with {value.__name__}()"
    text = f"{type(value).__name__} is not a Module subclass"
    if isinstance(value, list | tuple | Iterator):
        return f"{text}; give its elements one by one: Sequential(*layers)"
    return f"{text}; call functions in forward()" if callable(value) else text


KINDS = (
    ("_parameters", "parameter", Parameter, "nn.Parameter"),
    ("_buffers", "buffer", Tensor, "Tensor"),
    ("_modules", "child module", Module, "nn.Module"),
)
