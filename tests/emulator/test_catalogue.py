"""The frozen differences between CuPy and NumPy agree with NumPy and with each other."""

import inspect

import numpy as np
import pytest

from gpunn.emulator import catalogue
from gpunn.emulator.namespace import cupy as xp

TABLES = {
    name: table
    for name, table in vars(catalogue).items()
    if name.isupper() and name[0] != "_" and name not in ("MISSING", "NOT_PLAYED") and "KEYWORDS" not in name
}


def find(root, path):
    for part in path.split("."):
        root = getattr(root, part)
    return root


@pytest.mark.parametrize("table", TABLES)
def test_every_name_is_played(table):
    for name in TABLES[table]:
        assert callable(find(xp, name)), name


def test_missing_and_not_played_are_apart():
    assert not catalogue.MISSING & catalogue.NOT_PLAYED


def test_joining_functions_take_arrays():
    assert not catalogue.JOINING & catalogue.ARRAY_FREE


@pytest.mark.parametrize("name", sorted(catalogue.SIGNATURES))
def test_signatures_are_parts_of_numpys(name):
    positional, star, only_keywords = catalogue.SIGNATURES[name].partition("*")
    given = positional.split()
    parameters = list(inspect.signature(find(np, name)).parameters.values())
    for i, parameter in enumerate(given):
        # NumPy's signature of arange does not say that dtype may be positional
        assert parameters[i].kind is not inspect.Parameter.KEYWORD_ONLY or name == "arange"
        assert parameter in ("_", parameters[i].name)
    assert bool(star) == bool(only_keywords.split())
    assert set(only_keywords.split()) <= {p.name for p in parameters} - set(given)
