from collections import OrderedDict

import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError, UnsupportedError


def kinds(container):
    """ "0:ReLU 1:Tanh" """
    return " ".join(f"{name}:{type(module).__name__}" for name, module in container.named_children())


@pytest.fixture(params=[nn.Sequential, lambda *modules: nn.ModuleList(modules)], ids=["Sequential", "ModuleList"])
def make(request):
    return request.param


def test_sequential_calls_one_after_the_other():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x = gp.randn(4, 2)
    assert net(x).tolist() == net[2](net[1](net[0](x))).tolist()
    assert nn.Sequential()(x) is x


def test_sequential_with_names():
    net = nn.Sequential(OrderedDict(first=nn.ReLU(), second=nn.Tanh(), third=nn.Sigmoid()))
    assert kinds(net) == "first:ReLU second:Tanh third:Sigmoid"
    assert net.first is net[0] and net[-1] is net.third
    assert kinds(net[1:]) == "second:Tanh third:Sigmoid"
    net[1] = nn.Flatten()
    assert kinds(net) == "first:ReLU second:Flatten third:Sigmoid"
    del net[0]
    assert kinds(net) == "0:Flatten 1:Sigmoid"


def test_list_methods(make):
    net = make(nn.ReLU(), nn.Tanh())
    assert len(net) == 2 and [type(m) for m in net] == [nn.ReLU, nn.Tanh]
    assert net.append(nn.Sigmoid()) is net
    net.insert(1, nn.Flatten())
    net.insert(-1, nn.Identity())
    assert kinds(net) == "0:ReLU 1:Flatten 2:Tanh 3:Identity 4:Sigmoid"
    assert isinstance(net.pop(1), nn.Flatten) and isinstance(net.pop(-2), nn.Identity)
    assert kinds(net) == "0:ReLU 1:Tanh 2:Sigmoid"
    del net[:2]
    assert kinds(net) == "0:Sigmoid"
    assert net.extend([nn.ReLU(), nn.Tanh()]) is net
    net[1] = nn.Identity()
    assert kinds(net) == "0:Sigmoid 1:Identity 2:Tanh"
    assert kinds(net.pop(slice(0, 2))) == "0:Sigmoid 1:Identity" and kinds(net) == "0:Tanh"


def test_extend_by_itself(make):
    net = make(nn.ReLU(), nn.Tanh())
    net.extend(net)
    assert [type(m) for m in net] == [nn.ReLU, nn.Tanh] * 2 and net[0] is net[2]


def test_slices_share_modules(make):
    net = make(nn.Linear(1, 1), nn.Tanh(), nn.Linear(1, 1))
    part = net[::2]
    assert type(part) is type(net) and part[0] is net[0] and part[1] is net[2]
    assert [type(m) for m in net[:0]] == []


def test_sums_and_products():
    a, b = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh(), nn.Sigmoid())
    assert kinds(a + b) == "0:ReLU 1:Tanh 2:Sigmoid" and kinds(a) == "0:ReLU"
    before = a
    a += b
    assert a is before and kinds(a) == "0:ReLU 1:Tanh 2:Sigmoid"
    doubled = b * 2
    assert [type(m) for m in doubled] == [nn.Tanh, nn.Sigmoid] * 2 and doubled[0] is b[0] is doubled[2]
    assert len(3 * b) == 6
    b *= 2
    assert len(b) == 4
    rest = nn.ModuleList([nn.ReLU()])
    assert kinds(rest + [nn.Tanh()]) == "0:ReLU 1:Tanh"  # noqa: RUF005 - the operator is meant
    rest += [nn.Sigmoid()]
    assert kinds(rest) == "0:ReLU 1:Sigmoid"


@pytest.mark.parametrize("index", [2, -3])
def test_index_out_of_range(make, index):
    net = make(nn.ReLU(), nn.Tanh())
    for act in (net.__getitem__, net.__delitem__, net.pop, lambda i: net.__setitem__(i, nn.ReLU())):
        with pytest.raises(IndexRangeError, match=f"index {index} is out of range: .* has 2 modules") as raised:
            act(index)
        assert isinstance(raised.value, IndexError)
    assert kinds(net) == "0:ReLU 1:Tanh"
    with pytest.raises(IndexRangeError, match="Index out of range: 5, for 2 modules"):
        nn.Sequential(*net).insert(5, nn.ReLU())


@pytest.mark.parametrize("wrong", [3, nn.ReLU, None])
def test_what_is_no_module_is_refused(make, wrong):
    net = make(nn.ReLU())
    acts = [lambda: net.extend([nn.Tanh(), wrong]), lambda: net.append(wrong), lambda: make(wrong)]
    for act in [lambda: net.insert(0, wrong), *(acts if wrong is not None else [])]:  # None may be added, see below
        with pytest.raises(ArgumentTypeError, match="is not a "):
            act()
    assert kinds(net) == "0:ReLU"
    with pytest.raises(ArgumentTypeError, match="extend should be called with an iterable, but got int"):
        net.extend(3)


def test_operators_refuse():
    net = nn.Sequential(nn.ReLU())
    with pytest.raises(
        ArgumentError, match="add operator supports only objects of Sequential class, but <class 'int'>"
    ):
        net + 3
    with pytest.raises(ArgumentError, match="add operator supports only objects of Sequential class"):
        net += [nn.ReLU()]
    with pytest.raises(ArgumentTypeError, match=r"unsupported operand type\(s\) for \*"):
        net * 1.5
    with pytest.raises(ArgumentError, match="Non-positive multiplication factor 0"):
        net * 0
    assert kinds(net) == "0:ReLU"


def test_module_list_has_no_forward():
    with pytest.raises(UnsupportedError, match=r'Module \[ModuleList\] is missing the required "forward" function'):
        nn.ModuleList([nn.ReLU()])(gp.ones(1))


def test_module_list_repr_counts_equal_neighbours():
    net = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Sequential(nn.Tanh()), nn.Tanh()])
    assert repr(net) == ("ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Sequential(\n    (0): Tanh()\n  )\n  (3): Tanh()\n)")
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict():
    relu = nn.ReLU()
    net = nn.ModuleDict({"b": relu, "a": nn.Tanh()})
    assert kinds(net) == "b:ReLU a:Tanh" and net["b"] is relu and net.b is relu
    assert list(net) == list(net.keys()) == ["b", "a"] and len(net) == 2 and "a" in net and "c" not in net
    assert list(net.values()) == [net["b"], net["a"]] and dict(net.items()) == {"b": relu, "a": net["a"]}
    net["c"] = nn.Linear(1, 1)
    net.update([("a", nn.Sigmoid()), ("d", nn.Identity())])
    assert kinds(net) == "b:ReLU a:Sigmoid c:Linear d:Identity"
    assert net.pop("b") is relu
    del net["d"]
    net.update(nn.ModuleDict({"c": nn.Flatten()}))
    assert kinds(net) == "a:Sigmoid c:Flatten"
    net.clear()
    assert len(net) == 0
    with pytest.raises(KeyError):
        net["a"]


def test_module_dict_refuses():
    net = nn.ModuleDict({"a": nn.ReLU()})
    with pytest.raises(ArgumentTypeError, match=r"module name should be a string. Got int"):
        net[3] = nn.ReLU()
    with pytest.raises(KeyError, match="must not be empty or contain"):
        net["a.b"] = nn.ReLU()
    with pytest.raises(KeyError, match="attribute 'keys' already exists"):
        net["keys"] = nn.ReLU()
    with pytest.raises(ArgumentTypeError, match="int is not a Module subclass"):
        net["c"] = 3
    assert kinds(net) == "a:ReLU"


def test_a_list_can_have_places_without_a_module():
    modules = nn.ModuleList([nn.ReLU(), None])
    modules.extend([None, nn.Tanh()])
    assert len(modules) == 4 and modules[1] is None and kinds(modules) == "0:ReLU 3:Tanh"
    modules.train().to(gp.float64).apply(lambda module: None)
    assert not modules.state_dict() and [m for m in modules if m is not None] == [modules[0], modules[3]]
    assert repr(modules).splitlines()[2] == "  (1-2): 2 x None"
