from collections import OrderedDict, namedtuple

import pytest

from gpunn.compat import trees

Point = namedtuple("Point", "x y")
NEST = {"b": [1, (2, 3)], "a": OrderedDict(c=Point(4, None)), "e": ()}


def test_nests_come_back():
    leaves, spec = trees.tree_flatten(NEST)
    assert leaves == [1, 2, 3, 4, None] == trees.tree_leaves(NEST)
    assert spec.num_leaves == 5 and spec == trees.tree_structure(NEST)
    back = trees.tree_unflatten([str(leaf) for leaf in leaves], spec)
    assert back == {"b": ["1", ("2", "3")], "a": OrderedDict(c=Point("4", "None")), "e": ()}
    assert spec.unflatten(leaves) == NEST and repr(trees.tree_structure([1, {"a": 2}])) == "TreeSpec([*, {'a': *}])"


def test_a_leaf_alone():
    leaves, spec = trees.tree_flatten(7)
    assert leaves == [7] and trees.tree_unflatten([8], spec) == 8


def test_wrong_numbers_of_leaves():
    spec = trees.tree_structure([1, 2])
    for leaves in ([], [1], [1, 2, 3]):
        with pytest.raises(ValueError, match=f"`leaves` has length {len(leaves)} but the spec .* holds 2 items"):
            trees.tree_unflatten(leaves, spec)


def test_leaves_are_changed():
    assert trees.tree_map(lambda x, y: x + y, [1, (2,)], [10, (20,)]) == [11, (22,)]
    assert trees.tree_map_only(int, lambda x: -x, ["a", 1, {"b": 2.0}]) == ["a", -1, {"b": 2.0}]
    assert trees.tree_map_only((int, float), lambda x: -x, ["a", 1, {"b": 2.0}]) == ["a", -1, {"b": -2.0}]


def test_questions_about_leaves():
    assert trees.tree_all(bool, [1, 2]) and not trees.tree_all(bool, [1, 0])
    assert trees.tree_any(bool, [0, 2]) and not trees.tree_any(bool, [0, {}])
