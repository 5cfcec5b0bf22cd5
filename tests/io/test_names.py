import builtins
import os
import types

import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentTypeError, FileFormatError
from gpunn.io import names
from gpunn.vision import models


class Own(nn.Module):
    class Inner(nn.Module):
        pass


@pytest.fixture(autouse=True)
def clean():
    yield
    names.clear_safe_globals()


def test_names_lead_back_to_what_they_name():
    for thing in (Own, Own.Inner, nn.Linear, nn.functional.relu, os.getcwd):
        assert names.find(names.name_of(thing), trusting=True) is thing
    assert names.name_of(Own.Inner) == f"{__name__}:Own.Inner"


def test_names_are_those_that_users_know():
    """A file does not depend on which module of gpunn defines what it names."""
    own = ("gpunn.nn.", "gpunn.ops.", "gpunn.vision.models.")
    for shown in (nn, nn.functional, models):
        known = [f for n, f in vars(shown).items() if isinstance(f, names.KINDS) and f.__name__ == n]
        for thing in (f for f in known if f.__module__.startswith(own)):
            if isinstance(thing, type) and not issubclass(thing, nn.Module):
                continue
            name = names.name_of(thing)
            assert name.partition(":")[0] in ("gpunn.nn", "gpunn.nn.functional", "gpunn.vision.models")
            assert names.find(name, trusting=False) is thing
    assert (
        names.name_of(nn.Conv2d) == "gpunn.nn:Conv2d" and names.name_of(models.ResNet) == "gpunn.vision.models:ResNet"
    )
    assert names.name_of(nn.functional.relu) == "gpunn.nn.functional:relu"
    for name, thing in (
        ("gpunn.nn.conv.forward:Conv2d", nn.Conv2d),
        ("gpunn.ops.softmax:softmax", nn.functional.softmax),
    ):
        assert names.find(name, trusting=False) is thing


def test_what_cannot_be_found_again_has_no_name():
    class Local(nn.Module):
        pass

    assert names.name_of(Local) == "" and names.name_of(lambda x: x) == ""


def test_layers_and_operations_are_known_and_nothing_else():
    for thing in (nn.Linear, nn.functional.relu, gp.vision.models.LeNet5):
        assert names.find(names.name_of(thing), trusting=False) is thing
    for thing in (Own, os.getcwd, builtins.exec, gp.save, dict):
        with pytest.raises(FileFormatError, match="not among the safe ones"):
            names.find(f"{thing.__module__}:{thing.__qualname__}", trusting=False)


def test_what_own_modules_import_is_not_their_own():
    for name in ("gpunn.nn.init:erfinv", "gpunn.nn.data_parallel:Module"):
        with pytest.raises(FileFormatError, match="not among the safe ones"):
            names.find(name, trusting=False)
    assert isinstance(vars(nn.init)["np"].load, types.FunctionType)
    for trusting in (False, True):
        with pytest.raises(FileFormatError, match="has not imported"):
            names.find("gpunn.nn.init:np.load", trusting)


def test_safe_classes_without_a_place_do_not_push_each_other_out():
    def made():
        class Local(nn.Module):
            pass

        return Local

    def other():
        class Local(nn.Module):
            pass

        return Local

    both = [made(), other()]
    names.add_safe_globals(both)
    assert names.get_safe_globals() == both
    with pytest.raises(FileFormatError):
        names.find("", trusting=False)


@pytest.mark.parametrize(
    "name", ["no_such_module:f", "os:no_such", "os.path", "", ":", "os:path.join.__code__", "os:environ"]
)
def test_nothing_is_imported_or_invented(name):
    for trusting in (False, True):
        with pytest.raises(FileFormatError, match="has not imported"):
            names.find(name, trusting)


def test_safe_names():
    names.add_safe_globals([Own])
    with names.safe_globals([Own.Inner]):
        assert names.get_safe_globals() == [Own, Own.Inner]
        assert names.find(f"{__name__}:Own.Inner", trusting=False) is Own.Inner
    assert names.get_safe_globals() == [Own]
    names.clear_safe_globals()
    assert names.get_safe_globals() == []
    with pytest.raises(ArgumentTypeError, match="expected classes and functions, got 3"):
        names.add_safe_globals([3])
