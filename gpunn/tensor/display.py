"""Methods of Tensor: text as PyTorch prints it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final

from gpunn import backend, dtypes
from gpunn.backend import Array
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, GraphError


@dataclasses.dataclass
class PrintOptions:
    """How tensors are printed; see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


OPTIONS: Final = PrintOptions()
PROFILES: Final = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors are printed. None leaves an option as it is; `sci_mode` then depends on the values.

    `precision`: digits after the point. Above `threshold` elements only `edgeitems` at either end of each
    dimension are shown. `profile` ("default", "short" or "full") sets all of them first.
    """
    if profile is not None:
        if profile not in PROFILES:
            raise ArgumentError(f"set_printoptions: expected a profile among {list(PROFILES)}, got {profile!r}")
        for name, value in dataclasses.asdict(PROFILES[profile]).items():
            setattr(OPTIONS, name, value)
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    for name, value in given.items():
        if value is not None:
            setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


class DisplayMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    def __repr__(self) -> str:
        prefix = "tensor("
        return _with_notes(prefix + _contents(self.array, len(prefix)), _notes(self), len(prefix))

    def __format__(self, format_spec: str) -> str:
        if self.array.ndim == 0:
            return format(backend.asnumpy(self.array).item(), format_spec)
        return object.__format__(self, format_spec)


def _notes(x: Variable) -> list[str]:
    """What is said after the elements, such as "dtype=gpunn.float64" and "grad_fn=<AddBackward0>"."""
    notes, array = [], x.array
    to, default = dtypes.of(array), dtypes.get_default_dtype()
    if backend.is_cuda(array):
        notes.append(f"device='{backend.device_of(array)}'")
    if (array.size == 0 and array.ndim != 1) or (array.size and not OPTIONS.edgeitems):
        notes.append(f"size={tuple(array.shape)}")
    if to is not default and (array.size == 0 or to not in (dtypes.int64, dtypes.bool_)):
        notes.append(f"dtype={to!r}")
    try:
        node = x.grad_fn
    except GraphError:  # a view whose history was lost to a change in place
        return [*notes, "grad_fn=<Invalid>"]
    if node is not None:
        notes.append(f"grad_fn=<{node.name()}>")
    elif x.requires_grad:
        notes.append("requires_grad=True")
    return notes


def _with_notes(text: str, notes: list[str], indent: int) -> str:
    """`text`, the notes and ")"; each note starts a new line if it does not fit on the last one."""
    used = len(text) - text.rfind("\n") + 1
    for note in notes:
        if used + len(note) + 2 > OPTIONS.linewidth:
            text += ",\n" + " " * indent + note
            used = indent + len(note)
        else:
            text += ", " + note
            used += len(note) + 2
    return text + ")"


def _contents(array: Array, indent: int) -> str:
    """The elements as nested lists; of a large array only those at the edges."""
    if array.size == 0:
        return "[]"
    edge = OPTIONS.edgeitems
    is_cut = [array.size > OPTIONS.threshold and n > 2 * edge for n in array.shape]
    xp = backend.array_module(array)
    for axis, (cut, n) in enumerate(zip(is_cut, array.shape, strict=True)):
        if cut:
            before = (slice(None),) * axis
            ends = [array[(*before, slice(edge))], array[(*before, slice(n - edge, None))]]
            array = xp.concatenate(ends, axis=axis)
    shown = backend.asnumpy(array)
    style = _Style(shown.reshape(-1).tolist(), shown.dtype.kind in "fV")
    return _listed(shown.tolist(), is_cut, style, indent)


def _listed(values: Any, is_cut: list[bool], style: _Style, indent: int) -> str:
    """Nested lists of numbers as text; `is_cut` says of which levels the middle is missing."""
    if not is_cut:
        return style.format(values)
    rank, edge = len(is_cut), OPTIONS.edgeitems
    if rank == 1:
        parts = [style.format(value) for value in values]
    else:
        parts = [_listed(value, is_cut[1:], style, indent + 1) for value in values]
    if is_cut[0]:
        parts.insert(edge, " ..." if rank == 1 and edge else "...")
    margin = " " * (indent + 1)
    if rank > 1:
        return "[" + ("," + "\n" * (rank - 1) + margin).join(parts) + "]"
    length = max(1, (OPTIONS.linewidth - indent) // (style.width + 2))
    lines = [", ".join(parts[i : i + length]) for i in range(0, len(parts), length)]
    return "[" + f",\n{margin}".join(lines) + "]"


class _Style:
    """One format for all numbers of a tensor: whole numbers, fixed point or scientific, padded to one width.

    Scientific if the largest is over 10⁸ or over 1000 times the smallest, or if that is below 10⁻⁴.
    """

    def __init__(self, values: list[Any], is_floating: bool) -> None:
        self.is_floating, self.scientific, self.whole = is_floating, False, True
        self.width = 1
        regular = [v for v in values if math.isfinite(v) and v != 0] if is_floating else values
        if is_floating and regular:
            sizes = [abs(v) for v in regular]
            low, high = min(sizes), max(sizes)
            self.whole = all(v == math.ceil(v) for v in regular)
            automatic = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
            self.scientific = automatic if OPTIONS.sci_mode is None else OPTIONS.sci_mode
        self.width = max([1, *[len(self._text(v)) for v in regular]])

    def format(self, value: Any) -> str:
        """`value` as text of at least `width` characters."""
        return self._text(value).rjust(self.width)

    def _text(self, value: Any) -> str:
        if not self.is_floating:
            return str(value)
        if self.scientific:
            return f"{value:.{OPTIONS.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{OPTIONS.precision}f}"
