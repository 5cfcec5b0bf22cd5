import copy
import pickle

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import AnomalyError, ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten())
        self.classifier = nn.Sequential(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3))

    def forward(self, x):
        return self.classifier(self.features(x))


def test_calls_forward():
    net = LeNet5()
    x = gp.randn(2, 1, 4, 4)
    assert net(x).tolist() == net.forward(x).tolist()
    assert net(x=x).shape == (2, 3)


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(gp.ones(1))
        self.m = nn.ReLU()
        self.register_buffer("b", gp.ones(2))
        self.register_buffer("free", None, persistent=False)
        self.plain = 3


def places(module):
    """Where each name is kept."""
    return {name: table for table in ("_parameters", "_buffers", "_modules") for name in getattr(module, table)}


def test_attributes_are_registered():
    h = Holder()
    assert places(h) == {"p": "_parameters", "b": "_buffers", "free": "_buffers", "m": "_modules"}
    assert h.plain == 3 and h.__dict__["plain"] == 3
    assert {"p", "b", "m", "plain", "forward"} <= set(dir(h))
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


@pytest.mark.parametrize(
    ("name", "value", "table"),
    [
        ("p", nn.Parameter(gp.zeros(3)), "_parameters"),
        ("p", None, "_parameters"),
        ("m", nn.Tanh(), "_modules"),
        ("m", None, "_modules"),
        ("m", nn.Parameter(gp.zeros(3)), "_parameters"),
        ("b", gp.zeros(3), "_buffers"),
        ("b", None, "_buffers"),
        ("b", nn.Parameter(gp.zeros(3)), "_parameters"),
        ("b", nn.ReLU(), "_modules"),
        ("plain", nn.Parameter(gp.zeros(3)), "_parameters"),
        ("plain", nn.ReLU(), "_modules"),
    ],
)
def test_assignment_moves_a_name_to_its_kind(name, value, table):
    h = Holder()
    setattr(h, name, value)
    assert getattr(h, name) is value
    assert places(h)[name] == table and name not in h.__dict__
    assert list(places(h)).count(name) == 1


def test_assignment_keeps_the_order_of_parameters():
    net = nn.Linear(2, 2)
    net.weight = nn.Parameter(gp.zeros(2, 2))
    assert list(net.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("p", gp.ones(1), "cannot assign Tensor as parameter 'p' of Holder .nn.Parameter or None expected"),
        ("p", nn.ReLU(), "cannot assign ReLU as parameter 'p' of Holder"),
        ("m", 3, "cannot assign int as child module 'm' of Holder"),
        ("b", 3.0, "cannot assign float as buffer 'b' of Holder"),
    ],
)
def test_assignment_of_another_kind_is_refused(name, value, words):
    h = Holder()
    before = getattr(h, name)
    with pytest.raises(ArgumentTypeError, match=words) as raised:
        setattr(h, name, value)
    assert isinstance(raised.value, TypeError) and getattr(h, name) is before


def test_deletion():
    h = Holder()
    for name in ("p", "b", "m", "plain", "free"):
        delattr(h, name)
        assert not hasattr(h, name)
    h.register_buffer("free", gp.ones(1))
    assert list(h.state_dict()) == ["free"]
    with pytest.raises(AttributeError):
        del h.nope
    with pytest.raises(AttributeError, match="'Holder' object has no attribute 'nope'"):
        _ = h.nope


@pytest.mark.parametrize(
    ("register", "name", "value", "error", "words"),
    [
        ("register_buffer", "p", gp.ones(1), KeyError, "attribute 'p' already exists"),
        ("register_buffer", "a.b", gp.ones(1), KeyError, 'buffer name must not be empty or contain ".", got "a.b"'),
        ("register_buffer", "", gp.ones(1), KeyError, 'buffer name must not be empty or contain ".", got ""'),
        ("register_buffer", 3, gp.ones(1), TypeError, "buffer name should be a string. Got int"),
        ("register_buffer", "q", 3, TypeError, "cannot assign 'int' object to buffer 'q'"),
        ("register_parameter", "q", gp.ones(1), TypeError, "cannot assign 'Tensor' object to parameter 'q'"),
        ("register_parameter", "forward", None, KeyError, "attribute 'forward' already exists"),
        ("add_module", "q", 3, TypeError, "int is not a Module subclass"),
        ("add_module", "q", nn.ReLU, TypeError, r"the class ReLU is not a module; make one with ReLU\(\)"),
        ("register_module", "plain", nn.ReLU(), KeyError, "attribute 'plain' already exists"),
    ],
)
def test_registration_refuses(register, name, value, error, words):
    h = Holder()
    before = places(h)
    with pytest.raises(error, match=words):
        getattr(h, register)(name, value)
    assert places(h) == before


def test_registration_replaces_and_reserves():
    h = Holder()
    h.register_parameter("p", None)
    h.register_parameter("later", None)
    assert h.p is None and h.later is None and list(h.state_dict()) == ["b"]
    h.later = nn.Parameter(gp.ones(1))
    h.register_buffer("b", gp.zeros(1), persistent=False)
    assert list(h.state_dict()) == ["later"]
    h.register_buffer("b", gp.zeros(1))
    assert list(h.state_dict()) == ["later", "b"]


@pytest.mark.parametrize("kind", ["parameters", "module", "buffer", "parameter"])
def test_init_must_come_first(kind):
    class Net(nn.Module):
        def __init__(self):
            self.plain = 3  # is allowed
            if kind == "parameters":
                self.p = nn.Parameter(gp.ones(1))
            elif kind == "module":
                self.m = nn.ReLU()
            elif kind == "buffer":
                self.register_buffer("b", gp.ones(1))
            else:
                self.register_parameter("p", None)

    words = rf"cannot assign {kind} before Module.__init__\(\) call; call super\(\).__init__\(\) first"
    with pytest.raises(AttributeError, match=words):
        Net()


def test_forward_is_missing():
    class Net(nn.Module):
        pass

    words = r'Module \[Net\] is missing the required "forward" function; is one defined, and indented as deep as'
    with pytest.raises(UnsupportedError, match=words):
        Net()(gp.ones(1))


def test_a_call_before_init_names_the_fix():
    class Net(nn.Module):
        def __init__(self):
            self.plain = 3

        def forward(self, x):
            return x

    with pytest.raises(AttributeError, match=r"Net: no attribute .* call super\(\).__init__\(\) first"):
        Net()(gp.ones(1))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([nn.ReLU()], r"list is not a Module subclass; give its elements one by one: Sequential\(\*layers\)"),
        (iter([nn.ReLU()]), r"not a Module subclass; give its elements one by one"),
        (gp.tanh, r"function is not a Module subclass; call functions in forward\(\)"),
        (3, r"int is not a Module subclass$"),
    ],
)
def test_what_is_no_module_is_told_where_it_belongs(given, words):
    with pytest.raises(TypeError, match=words):
        nn.Sequential(given)


def test_train_and_eval():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2)))
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    net[1].train(False)
    assert net.training and not net[1][0].training
    with pytest.raises(ArgumentError, match="training mode is expected to be boolean"):
        net.train("yes")


def test_own_train_of_a_module_inside_is_called():
    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    net = nn.Sequential(Frozen(2), nn.Dropout()).train()
    assert not net[0].training and net[1].training


def test_requires_grad_and_zero_grad():
    net = nn.Linear(2, 1)
    net(gp.ones(1, 2)).sum().backward()
    held = net.weight.grad
    net.zero_grad(set_to_none=False)
    assert net.weight.grad.tolist() == held.tolist() == [[0, 0]]
    net.zero_grad()
    assert net.weight.grad is None and net.bias.grad is None
    assert net.requires_grad_(False) is net
    assert not net(gp.ones(1, 2)).requires_grad


def test_zero_grad_cuts_a_gradient_off_its_history():
    p = nn.Parameter(gp.ones(1))
    holder = nn.ParameterList([p])
    (p * p).backward(create_graph=True)
    assert p.grad.requires_grad
    holder.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0] and not p.grad.requires_grad


def test_apply_goes_from_the_inside_out():
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    order = []
    assert net.apply(lambda m: order.append(type(m).__name__)) is net
    assert order == ["Linear", "ReLU", "Sequential", "Sequential"]


def test_repr():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(1, 2))
            self.add_module("none", None)

        def extra_repr(self):
            return "one=1\ntwo=2"

    assert repr(nn.Module()) == "Module()"
    assert repr(Block()) == (
        "Block(\n  one=1\n  two=2\n  (inner): Sequential(\n    (0): ReLU(inplace=True)\n"
        "    (1): Linear(in_features=1, out_features=2, bias=True)\n  )\n  (none): None\n)"
    )


def test_deepcopy():
    net = LeNet5().eval()
    net.classifier[2].weight.requires_grad_(False)
    net.shared = net.classifier[0].bias
    net.register_forward_hook(lambda module, args, output: output * 2)
    twin = copy.deepcopy(net)
    x = gp.randn(1, 1, 4, 4)
    assert twin(x).tolist() == net(x).tolist()
    with gp.no_grad():
        net.classifier[0].bias.add_(1)
    assert twin.shared is twin.classifier[0].bias and twin.shared.tolist() != net.shared.tolist()
    assert not twin.training and not twin.classifier[2].weight.requires_grad
    assert list(twin.state_dict()) == list(net.state_dict())


def test_pickle():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 1)).eval()
    twin = pickle.loads(pickle.dumps(net))
    x = gp.randn(2, 1, 4, 4)
    assert twin(x).tolist() == net(x).tolist()
    assert repr(twin) == repr(net) and not twin.training


def test_errors_name_the_layer():
    net = LeNet5()
    with pytest.raises(ShapeError, match=r"^LeNet5.classifier.0 \(Linear\): got 24 features, expects 8") as raised:
        net(gp.ones(1, 1, 4, 8))
    assert raised.value.layer == "LeNet5.classifier.0 (Linear)"
    assert raised.value.modules == (net, net.classifier, net.classifier[0])
    with pytest.raises(ShapeError, match=r"^LeNet5.features.0 \(Conv2d\): conv2d: .*takes 1 input channels"):
        net(gp.ones(1, 3, 4, 4))
    with pytest.raises(ShapeError, match=r"^Linear: got 2 features"):
        nn.Linear(3, 1)(gp.ones(2))


def test_errors_of_a_model_itself_name_the_model():
    class Net(nn.Module):
        def forward(self, x):
            return x + gp.ones(3)

    with pytest.raises(ShapeError, match=r"^Net: add: The size of tensor a"):
        Net()(gp.ones(2))
    with pytest.raises(ShapeError, match=r"^Sequential.1.0 \(Net\): add: "):
        nn.Sequential(nn.ReLU(), nn.Sequential(Net()))(gp.ones(2))


def test_errors_name_a_shared_layer_by_its_first_name():
    layer = nn.Linear(2, 3)
    net = nn.Sequential(nn.Sequential(layer), nn.ReLU(), layer)
    with pytest.raises(ShapeError, match=r"^Sequential.0.0 \(Linear\): got 3 features, expects 2"):
        net(gp.ones(1, 2))


def test_errors_name_layers_that_are_not_registered():
    hidden = [nn.Linear(2, 2)]

    class Net(nn.Module):
        def forward(self, x):
            return hidden[0](x)

    with pytest.raises(ShapeError, match=r"^Net.<Linear> \(Linear\): got 3 features"):
        Net()(gp.ones(3))


def test_errors_that_are_not_ours_pass_unchanged():
    class Net(nn.Module):
        def forward(self, x):
            return x.nope

    with pytest.raises(AttributeError, match=r"^'Tensor' object has no attribute 'nope'"):
        nn.Sequential(Net())(gp.ones(1))


def test_a_caught_error_leaves_no_trace():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, x):
            try:
                return self.inner(x)
            except ShapeError:
                return self.inner(x[..., :2])

    assert Careful()(gp.ones(1, 3)).shape == (1, 2)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_anomaly_mode_names_the_layer():
    class Log(nn.Module):
        def forward(self, x):
            return x.log()

    net = nn.Sequential(nn.Identity(), nn.Sequential(Log()))
    with pytest.raises(AnomalyError, match=r"in layer Sequential.1.0 \(Log\)"), gp.autograd.detect_anomaly():
        net(gp.tensor([-1.0]))
    assert np.isnan(net(gp.tensor([-1.0])).item())
