"""Optional libraries: imported when they are needed, with an error that says how to install them."""

from __future__ import annotations

import importlib
from typing import Any

from gpunn.errors import GpunnError


class MissingLibraryError(GpunnError, ImportError):
    """An optional library that is not installed."""


def library(module: str, needed_by: str, name: str, extra: str) -> Any:
    """The module `module` of the library `name`, which `needed_by` needs and gpunn[`extra`] installs."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingLibraryError(f'{needed_by} needs {name}: pip install "gpunn[{extra}]"') from error


def pillow(module: str, needed_by: str) -> Any:
    """A module of Pillow: "Image", "ImageOps", …"""
    return library(f"PIL.{module}", needed_by, "Pillow", "vision")
