"""What cannot be captured, told with the line of the user's program, the operation, and the fix."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from types import TracebackType

from gpunn.capture import CaptureError, StaleError, line_at

_PACKAGE = f"{Path(__file__).resolve().parent.parent}{os.sep}"
_WRAPPERS = ("call", "__call__", "named", "wrapped")  # say nothing about what is called
_LIBRARIES = (_PACKAGE, *{sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "purelib", "platlib")})

FIXES = (
    (
        (
            "item",
            "__bool__",
            "__int__",
            "__float__",
            "__index__",
            "tolist",
            "numpy",
            "__repr__",
            "__str__",
            "__format__",
        ),
        "keep the number on the GPU, return the tensor, and read it outside the step, or use gp.where for a choice",
    ),
    (
        ("__getitem__", "__setitem__", "getitem", "setitem", "nonzero", "masked_select", "argwhere", "unique"),
        "the size of the result depends on the data: use gp.where or multiply by the mask",
    ),
    (("tensor", "as_tensor", "to", "cuda", "from_numpy"), "make the tensor on the GPU before the step, and pass it in"),
    (("matmul", "mm", "bmm", "linear"), "products inside captured steps are of floating dtypes"),
)
_FIX = "do it outside the step, or leave the function uncompiled"


def explained(error: BaseException) -> BaseException:
    """A CaptureError that names line, operation and fix, if `error` was raised because a stream was capturing; else
    `error` itself."""
    if isinstance(error, StaleError) or not (isinstance(error, CaptureError) or is_refusal(error)):
        return error
    line, operation = _place(error.__traceback__)
    fix = next((text for names, text in FIXES if operation in names), _FIX)
    where = f"{line}: `{operation}`" if line else "the step"
    return CaptureError(f"{where} cannot be part of a captured step: {error} Fix: {fix}.")


def is_refusal(error: BaseException) -> bool:
    """Whether CUDA, CuPy or the emulator raised `error` because a stream was capturing.

    CuPy raises RuntimeError for reads by the host, NotImplementedError for libraries, CUDARuntimeError for the rest.
    """
    is_kind = isinstance(error, RuntimeError | NotImplementedError)
    return is_kind and "captur" in str(error).lower()


def _place(trace: TracebackType | None) -> tuple[str, str]:
    """The last line of the user's program on the way to an error, and the function of gpunn that it called."""
    line, operation = "", ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(_LIBRARIES):
            line, operation = line_at(code, trace.tb_lineno), ""
        elif line and code.co_name == "forward" and (not operation or operation.endswith(".forward")):
            operation = code.co_qualname  # of the innermost layer
        elif line and code.co_name not in _WRAPPERS and not operation:
            operation = code.co_name
        trace = trace.tb_next
    return line, operation or "an operation"
