"""The errors that gpunn raises: each is also the exception class that PyTorch raises for the same mistake.

PyTorch is not of one mind: the same kind of mistake is a RuntimeError in one op and a ValueError in the next.
A class that derives from both is caught by either `except` clause.
"""

from __future__ import annotations

from collections.abc import Sequence


class GpunnError(Exception):
    """Base of all errors of gpunn. Inside a module call, `layer` says which layer raised it."""

    layer: str = ""  # "LeNet5.classifier.0 (Linear)"; filled in by nn.Module on the way out
    modules: tuple[object, ...] = ()  # the modules it came through, outermost first

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.layer}: {text}" if self.layer else text


class ShapeError(GpunnError, RuntimeError, ValueError):
    """Shapes that do not fit each other or the operation."""


class DtypeError(GpunnError, NotImplementedError, TypeError):
    """A dtype that the operation does not take, or two that do not go together. (A RuntimeError as well.)"""


class DeviceError(GpunnError, RuntimeError, AssertionError):
    """Tensors on different devices, or a device that is not there."""


class IndexRangeError(GpunnError, IndexError, RuntimeError, ValueError):
    """An index, label or dimension outside its range."""


class ArgumentError(GpunnError, ValueError, RuntimeError):
    """An argument with a value that the operation does not take."""


class ArgumentTypeError(GpunnError, TypeError, ValueError):
    """An argument of the wrong type."""


class LinAlgError(GpunnError, RuntimeError):
    """A matrix that has no inverse, no Cholesky factor, or on which an iteration of LAPACK did not end."""


class GraphError(GpunnError, RuntimeError):
    """Misuse of the autograd graph: freed buffers, in-place changes of saved tensors, no graph at all."""


class AnomalyError(GraphError):
    """A NaN found by `detect_anomaly`."""


class UnsupportedError(GpunnError, NotImplementedError):
    """Something that PyTorch has and gpunn does not promise."""


class FileFormatError(GpunnError, RuntimeError, ValueError):
    """A file that is damaged, too large or not what it claims to be."""


def shapes(*arrays: object) -> str:
    """The shapes of `arrays` for a message: "(2, 3) and (4, 5)"; numbers and None stand for themselves."""
    return " and ".join(str(tuple(shape)) if (shape := _shape(a)) is not None else repr(a) for a in arrays)


def _shape(array: object) -> Sequence[int] | None:
    shape: Sequence[int] | None = getattr(array, "shape", None)
    return shape
