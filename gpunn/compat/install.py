"""Importing gpunn under the names of PyTorch and torchvision."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from gpunn import cuda, dtypes, nn
from gpunn.compat import accelerator, bases, old_names, old_orders, version
from gpunn.compat.absent import EMPTY
from gpunn.errors import UnsupportedError
from gpunn.tensor import Tensor

ROOTS: Final = {"torch": "gpunn", "torchvision": "gpunn.vision"}
# The modules in torch.nn.modules.
LAYERS: Final = """activation adaptive batchnorm channelshuffle container conv distance dropout flatten fold
    instancenorm linear loss module normalization padding pixelshuffle pooling rnn sparse transformer upsampling
    utils"""
# The modules in torch.distributions that gpunn has not under their names.
DISTRIBUTIONS: Final = "bernoulli beta categorical dirichlet exponential laplace normal one_hot_categorical uniform"
# Where PyTorch keeps what gpunn has elsewhere. A module below one of these is the same module.
PLACES: Final = {
    "torch.accelerator": "gpunn.compat.accelerator",
    "torch.autograd.function": "gpunn.autograd",
    "torch.autograd.grad_mode": "gpunn.engine",
    **dict.fromkeys([f"torch.distributions.{name}" for name in DISTRIBUTIONS.split()], "gpunn.distributions"),
    "torch.multiprocessing": "multiprocessing",
    "torch.optim.optimizer": "gpunn.optim",
    "torch.tensor": "gpunn",
    "torch.types": "gpunn",
    "torch.utils._pytree": "gpunn.compat.trees",
    "torch.utils.hooks": "gpunn.engine.hooks",
    "torch.utils.data.dataloader": "gpunn.utils.data",
    "torch.utils.data.dataset": "gpunn.utils.data",
    "torch.utils.data.sampler": "gpunn.utils.data",
    "torch.utils.tensorboard": "tensorboardX",  # another project's; the user installs it
    "torch.version": "gpunn.compat.version",
    "torchvision.datasets": "gpunn.vision.datasets",
    "torchvision.datasets.folder": "gpunn.vision.datasets.folder",
    "torchvision.datasets.vision": "gpunn.vision.datasets.vision",
    "torchvision.transforms.transforms": "gpunn.vision.transforms",
}
# Modules that are attributes of the module above them as soon as PyTorch is imported.
SHOWN: Final = """torch.autograd.function torch.autograd.grad_mode torch.cuda torch.distributions.categorical
    torch.distributions.normal torch.multiprocessing torch.nn.modules torch.random torch.types torch.utils._pytree
    torch.utils.data.dataloader torch.utils.data.dataset torch.utils.data.sampler"""
# Modules whose names are also those of functions beside them. To import such a module by a new name would put it in the
# place of the function; it is there already.
HIDDEN: Final = ("torch.tensor", "torchvision.models.alexnet", "torchvision.models.googlenet")
OF_ITS_OWN: Final[dict[str, dict[str, Any]]] = {
    "torch": {
        **old_names.TOP,
        "OutOfMemoryError": cuda.OutOfMemoryError,
        **old_orders.FUNCTIONS,
        "__version__": version.__version__,
        "accelerator": accelerator,
        "version": version,
    },
    "torch.cuda": dict(old_names.ON_GPU),
    "torch.random": dict(old_names.IN_RANDOM),
    "torchvision": {"__version__": version.TORCHVISION},
}


class Face(ModuleType):
    """A module that has the attributes of `target`, and `more` of its own; setting one sets it there."""

    def __init__(self, name: str, target: Any, more: Mapping[str, Any]) -> None:
        super().__init__(name, target.__doc__)
        vars(self).update(more, _target=target)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":  # what `from torch import *` asks for
            return [public for public in dir(self) if not public.startswith("_")]
        if f"{self.__name__}.{name}" in EMPTY:
            return importlib.import_module(f"{self.__name__}.{name}")
        try:
            return getattr(vars(self)["_target"], name)
        except AttributeError:
            hint = "" if name.startswith("__") else f"; gpunn has no {self.__name__}.{name}"
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}{hint}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") or isinstance(value, ModuleType):
            vars(self)[name] = value  # what the import system does to modules
        else:
            setattr(vars(self)["_target"], name, value)

    def __delattr__(self, name: str) -> None:
        if name in vars(self):
            del vars(self)[name]
        else:
            delattr(vars(self)["_target"], name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(vars(self)["_target"]), *vars(self)})


class Layers(Face):
    """torch.nn.modules and each module in it: all of gpunn.nn, wherever PyTorch defines what."""

    def __init__(self, name: str) -> None:
        super().__init__(name, nn, bases.NAMES)

    def __getattr__(self, name: str) -> Any:
        return Layers(f"{self.__name__}.{name}") if name in LAYERS.split() else super().__getattr__(name)


class Finder(MetaPathFinder, Loader):
    """Answers `import torch...` and `import torchvision...` with the modules of gpunn."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in ROOTS:
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _module(spec.name)
        spec.loader_state = module.__spec__  # None of a new one
        return module

    def exec_module(self, module: ModuleType) -> None:
        own = None if module.__spec__ is None else module.__spec__.loader_state
        if own is not None:
            module.__spec__ = own  # the module is loaded long since, under its own name


def install_as_torch() -> None:
    """Make `import torch` and `import torchvision` import gpunn and gpunn.vision, in this process.

    `torch.a.b` is gpunn.a.b; the modules in which PyTorch defines what it shows elsewhere (torch.nn.modules.conv,
    torch.utils.data.dataloader, ...) are those of gpunn that have the names. `torch.__version__` is the release whose
    names and numbers gpunn follows, and what is printed says torch.float32 and torch.Size. Modules that gpunn does not
    have are not found, rather than PyTorch's own.
    A second call changes nothing. Raises UnsupportedError if PyTorch has been imported already, which half of the
    program would go on to use.
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    imported = [root for root in ROOTS if root in sys.modules]
    if imported:
        raise UnsupportedError(
            f"install_as_torch: {imported[0]} has been imported already, from {sys.modules[imported[0]].__file__}; "
            "call install_as_torch() before the first import of it"
        )
    sys.meta_path.insert(0, Finder())
    dtypes.show_under("torch")
    old_orders.take()
    Tensor.new = old_names.new  # type: ignore[attr-defined]
    for name in HIDDEN:
        sys.modules[name] = importlib.import_module(_place(name))
    for name in SHOWN.split():
        importlib.import_module(name)  # an attribute of the module above, for those who do not import it


def _module(name: str) -> ModuleType:
    """What `import name` gives."""
    if name in OF_ITS_OWN:
        return Face(name, importlib.import_module(ROOTS.get(name) or _place(name)), OF_ITS_OWN[name])
    if name in EMPTY:
        return Face(name, None, EMPTY[name])
    if name == "torch.nn.modules" or name.removeprefix("torch.nn.modules.") in LAYERS.split():
        return Layers(name)
    found = _place(name)
    if _is_there(found):
        return importlib.import_module(found)
    parent, _, last = found.rpartition(".")
    if not parent:
        raise ModuleNotFoundError(f"No module named {name!r}: it would be {found}; pip install {found}", name=name)
    thing = getattr(importlib.import_module(parent), last, None) if _is_there(parent) else None
    if thing is None or callable(thing):
        raise ModuleNotFoundError(f"No module named {name!r}: gpunn has no {found}", name=name)
    return thing if isinstance(thing, ModuleType) else Face(name, thing, {})


def _is_there(name: str) -> bool:
    """Whether there is such a module. One whose parent is missing is not."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _place(name: str) -> str:
    """The name that gpunn has for the module `name`."""
    front = name
    while front:
        if front in PLACES:
            return PLACES[front]
        front = front.rpartition(".")[0]
    root, _, rest = name.partition(".")
    return f"{ROOTS[root]}.{rest}"
