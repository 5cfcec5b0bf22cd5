"""Thread-local variables in the symbol table of a library, against what the linker's own tools say."""

import re
import shutil
import subprocess
from itertools import pairwise

import pytest

from gpunn.emulator.compiler import find_compiler
from gpunn.emulator.symbols import thread_variables
from tests.emulator.launching import needs_compiler

pytestmark = needs_compiler

TEXT = """
static __thread float first[10];
__thread char exported = 3;
extern __thread int elsewhere;
int plain;
template <class T> T* place() { static __thread T local[3]; return local; }
void* use() { return elsewhere ? (void*)first : (void*)place<double>(); }
"""


@pytest.fixture
def library(tmp_path):
    (tmp_path / "a.cpp").write_text(TEXT)
    command = [find_compiler().path, "-shared", "-fPIC", "-O1", "a.cpp", "-o", "a.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path / "a.so"


def test_thread_variables(library):
    found = {symbol: size for _, size, symbol in thread_variables(library)}
    assert found.pop("exported") == 1
    assert {re.sub(r"^_Z\w*?(first|local)$", r"\1", symbol): size for symbol, size in found.items()} == {
        "first": 40,
        "local": 24,
    }


def test_no_two_overlap(library):
    places = sorted((offset, offset + size) for offset, size, _ in thread_variables(library))
    assert all(a[1] <= b[0] for a, b in pairwise(places))


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf is not installed")
def test_same_as_readelf(library):
    listing = subprocess.run(["readelf", "-sW", library], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines() if " TLS " in line and " UND " not in line]
    wanted = {
        (int(row[1], 16), int(row[2]), row[7]) for row in rows if listing.index(".symtab") < listing.index(row[7])
    }
    assert {v for v in thread_variables(library)} == {(int(r[1], 16), int(r[2]), r[7]) for r in rows}
    assert wanted
