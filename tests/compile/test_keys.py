"""What makes two calls share a graph."""

import gpunn as gp
from gpunn.compile import keys

F = gp.nn.functional


def test_keys(emulated):
    x, weight = gp.ones(2), gp.nn.Parameter(gp.ones(2))
    tensors = []
    key = keys.key_of(({"a": x, "b": [1, 2.0, "c", weight]}, [{}], {1}), tensors)
    assert tensors == [x, weight] or (tensors[0] is x and tensors[1] is weight)
    assert hash(key) is not None
    assert keys.key_of(1, []) != keys.key_of(True, []) and keys.key_of(1, []) != keys.key_of(1.0, [])
    assert keys.key_of([1], []) != keys.key_of((1,), [])
    thing = [set()]
    assert keys.key_of(thing[0], []) == keys.key_of(thing[0], []) != keys.key_of(set(), [])
    assert keys.Same(thing) != thing
    before = keys.surroundings()
    with gp.no_grad():
        assert keys.surroundings() != before
    with gp.autocast("cuda", dtype=gp.bfloat16):
        casting = keys.surroundings()
        assert casting != before
        with gp.autocast("cuda", dtype=gp.float16):
            assert keys.surroundings() not in (before, casting)
    assert keys.surroundings() == before
