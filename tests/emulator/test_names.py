"""Names: what gpunn uses is offered by the emulator, and what the emulator offers is in CuPy."""

import ast
import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest

import gpunn
from gpunn.emulator import catalogue
from gpunn.emulator.namespace import cupy as xp
from gpunn.emulator.ufunc import ufunc

SOURCES = Path(gpunn.__file__).parent
MODULES = ("xp", "cupy", "cp")  # the names that gpunn gives the array module
GIVE_MODULES = ("array_module", "cuda_module", "module_of")


def chain(node):
    """ "linalg.norm" for `xp.linalg.norm` or `array_module(x).linalg.norm`; None for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        starts = called in GIVE_MODULES
    else:
        starts = isinstance(node, ast.Name) and node.id in MODULES
    return ".".join(reversed(parts)) if starts and parts else None


def offered(root, name):
    for part in name.split("."):
        if not hasattr(root, part):
            return False
        root = getattr(root, part)
    return True


def refused_keywords(name, call):
    """Keywords of a call of `xp.name` that CuPy does not take."""
    given = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
    if name in catalogue.SIGNATURES:
        return given - set(catalogue.SIGNATURES[name].replace("*", " ").split())
    if isinstance(getattr(xp, name.partition(".")[0], None), ufunc) and "." not in name:
        return given - catalogue.UFUNC_KEYWORDS
    return set()


def complaints(text, path):
    """What in the source `text` is not offered by the emulated module, and so not by CuPy."""
    tree = ast.parse(text)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        name = chain(node)
        if name is not None and id(node) not in inner and not offered(xp, name):
            yield f"{path}:{node.lineno}: the array module has no {name} on both NumPy and CuPy"
        if isinstance(node, ast.Call) and (name := chain(node.func)) is not None:
            for keyword in sorted(refused_keywords(name, node)):
                yield f"{path}:{node.lineno}: CuPy's {name} takes no {keyword}="


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("xp.vecdot(x)", "a.py:1: the array module has no vecdot"),
        ("xp.linalg.vector_norm(x)", "no linalg.vector_norm"),
        ("y = backend.array_module(x).nope", "no nope"),
        ("xp.maximum.reduceall", "no maximum.reduceall"),
        ("xp.clip(x, min=0)", "CuPy's clip takes no min="),
        ("xp.add(x, y, where=m)", "CuPy's add takes no where="),
        ("xp.sum(x, axis=0)\nxp.linalg.norm(x)\nxp.add(x, y, out=z)\nnp.vecdot(x)\nxp.add.at(x, i, y)", None),
    ],
)
def test_the_search_finds_faults(text, complaint):
    found = list(complaints(text, "a.py"))
    assert (len(found) == 1 and complaint in found[0]) if complaint else not found


def test_every_name_that_gpunn_uses_is_offered():
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        if "emulator" not in path.parts:
            found += complaints(path.read_text(), path.relative_to(SOURCES.parent))
    assert not found, "\n" + "\n".join(found)


@pytest.fixture(scope="module")
def cupy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("cupy", reason="CuPy is not installed: nothing to compare the names with")


# Names that are CuPy's, on objects that only exist with a GPU.
PLAYED = {"runtime", "memory", "device", "stream"}


def test_every_offered_name_is_in_cupy(cupy):
    def missing(mine, theirs, path):
        for name in dir(mine):
            full = f"{path}.{name}"
            if name.startswith("_") or full in ("cupy.linalg.linalg",):
                continue
            if not hasattr(theirs, name):
                yield full
            elif name in PLAYED or type(getattr(mine, name)).__name__ in (
                "Namespace",
                "Cuda",
                "SimpleNamespace",
            ):
                yield from missing(getattr(mine, name), getattr(theirs, name), full)

    assert list(missing(xp, cupy, "cupy")) == []


def test_every_name_frozen_as_missing_is_missing(cupy):
    assert [name for name in sorted(catalogue.MISSING) if offered(cupy, name)] == []


def test_every_name_of_numpy_that_cupy_lacks_is_frozen(cupy):
    lacking = {name for name in dir(np) if not name.startswith("_") and not hasattr(cupy, name)}
    lacking |= {f"linalg.{name}" for name in dir(np.linalg) if name[0] != "_" and not hasattr(cupy.linalg, name)}
    assert lacking - catalogue.MISSING - catalogue.NOT_PLAYED == set()


def test_every_attribute_of_the_array_is_in_cupy(cupy):
    own = {name for cls in xp.ndarray.__mro__[:-1] for name in vars(cls)}
    invented = {"_host", "_memory", "_set_shape", "__weakref__", "array_type", "namespace", "__annotations__"}
    assert sorted(own - invented - set(dir(cupy.ndarray))) == []


def test_signatures_are_cupys(cupy):
    def find(root, path):
        for part in path.split("."):
            root = getattr(root, part)
        return root

    for name, signature in catalogue.SIGNATURES.items():
        theirs = find(cupy, name)
        if isinstance(theirs, cupy.ufunc):
            continue
        names = list(inspect.signature(theirs).parameters)
        positional, _, only_keywords = signature.partition("*")
        for i, parameter in enumerate(positional.split()):
            assert parameter == "_" or names[i] == parameter, name
        assert set(only_keywords.split()) <= set(names), name


def test_functions_take_no_more_than_cupys(cupy):
    """Where CuPy lacks an argument of NumPy's, catalogue.SIGNATURES or a function of our own says so."""
    forgotten = []
    for name in dir(xp):
        mine, theirs = getattr(np, name, None), getattr(cupy, name)
        if inspect.isclass(mine) or not callable(mine) or name in catalogue.SIGNATURES or mine is theirs:
            continue
        try:
            own, other = inspect.signature(mine).parameters, inspect.signature(theirs).parameters
        except (TypeError, ValueError):  # functions in C without a signature, ufuncs
            continue
        kinds = {parameter.kind for parameter in (*own.values(), *other.values())}
        open_ended = kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
        played = getattr(xp, name).__module__ == "gpunn.emulator.functions"
        if not (set(own) <= set(other) or open_ended or played):
            forgotten.append(f"{name}: {sorted(set(own) - set(other))}")
    assert forgotten == []


def test_ufuncs_that_scatter_are_cupys(cupy):
    names = [name for name in dir(xp) if isinstance(getattr(xp, name), ufunc)]
    scattering = {name for name in names if getattr(getattr(cupy, name), "_scatter_op", None)}
    assert scattering == set(catalogue.SCATTERS)
