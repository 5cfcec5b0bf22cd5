"""Grad modes: whether operations are recorded. Each thread and each async task has its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

recording: ContextVar[bool] = ContextVar("gpunn_recording", default=True)
inference: ContextVar[bool] = ContextVar("gpunn_inference", default=False)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded."""
    return recording.get()


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on."""
    return inference.get()


class _Mode:
    """A context manager that is also a decorator, of functions and of generator functions."""

    def __init__(self) -> None:
        self._saved: list[tuple[bool, bool]] = []

    def _set(self) -> None:
        raise NotImplementedError

    def _fresh(self) -> _Mode:
        return type(self)()

    def __enter__(self) -> None:
        self._saved.append((recording.get(), inference.get()))
        self._set()

    def __exit__(self, *exc: object) -> None:
        before = self._saved.pop()
        recording.set(before[0])
        inference.set(before[1])

    def __call__(self, function: F) -> F:
        if inspect.isclass(function):
            function.__init__ = self(function.__init__)  # type: ignore[method-assign]
            return function
        if inspect.isgeneratorfunction(function):
            return cast(F, self._decorate_generator(function))

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return cast(F, wrapped)

    def _decorate_generator(
        self, function: Callable[..., Generator[Any, Any, Any]]
    ) -> Callable[..., Generator[Any, Any, Any]]:
        """The mode holds inside the generator only, not in the code that draws from it, sends to it or closes it."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            resume: Callable[[], Any] = partial(next, generator)
            while True:
                try:
                    with self._fresh():
                        value = resume()
                except StopIteration as end:
                    return end.value
                try:
                    resume = partial(generator.send, (yield value))
                except GeneratorExit:
                    with self._fresh():
                        generator.close()
                    raise
                except BaseException as error:
                    resume = partial(generator.throw, error)

        return wrapped


class _PlainMode(_Mode):
    """A mode without arguments: `@no_grad` works as well as `@no_grad()`."""

    def __new__(cls, orig_func: Any = None) -> Any:
        return super().__new__(cls) if orig_func is None else cls()(orig_func)

    def __init__(self, orig_func: Any = None) -> None:
        super().__init__()


class no_grad(_PlainMode):  # noqa: N801 - PyTorch's name
    """Context or decorator in which operations are not recorded."""

    def _set(self) -> None:
        recording.set(False)


class enable_grad(_PlainMode):  # noqa: N801 - PyTorch's name
    """Context or decorator in which operations are recorded, also inside `no_grad`."""

    def _set(self) -> None:
        recording.set(True)


class set_grad_enabled(_Mode):  # noqa: N801 - PyTorch's name
    """Switch recording on or off: at once when called, or for the length of a `with` block."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._before = recording.get()
        self._set()

    def _set(self) -> None:
        recording.set(self.mode)

    def _fresh(self) -> _Mode:
        return _Chosen(self.mode)

    def __enter__(self) -> None:
        self._saved.append((self._before, inference.get()))
        self._set()

    def __call__(self, function: F) -> F:
        recording.set(self._before)  # as a decorator it changes nothing outside the function
        return super().__call__(function)


class _Chosen(_Mode):
    """set_grad_enabled for the body of a decorated function."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = mode

    def _set(self) -> None:
        recording.set(self.mode)


class inference_mode(_Mode):  # noqa: N801 - PyTorch's name
    """Context or decorator like `no_grad`, whose tensors can never be part of a graph later."""

    def __new__(cls, mode: Any = True) -> Any:
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = mode

    def _fresh(self) -> _Mode:
        return inference_mode(self.mode)

    def _set(self) -> None:
        inference.set(self.mode)
        recording.set(not self.mode)
