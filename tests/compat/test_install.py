"""Each program runs in a process of its own: once installed, gpunn keeps PyTorch's name."""

import subprocess
import sys

import pytest

START = "import gpunn\ngpunn.compat.install_as_torch()\n"


def run(program):
    """The standard output of `program`, which must not fail or warn."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_usual_imports_give_the_modules_of_gpunn():
    assert (
        run(
            START
            + """
import torch, torch.nn as nn, torch.nn.functional as F, torch.optim as optim, torch.utils.checkpoint
import torch.backends.cudnn as cudnn, torchvision, torchvision.transforms as T
from torch import Tensor, nn as same
from torch.autograd import Variable
from torch.distributions import Bernoulli, kl_divergence
from torch.distributions.categorical import Categorical
from torch.distributions.kl import register_kl
from torch.nn.modules.conv import Conv2d
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.utils import Module, _pair
from torch.nn.parameter import Parameter
from torch.optim.lr_scheduler import StepLR
from torch.utils.data.dataloader import DataLoader, default_collate
from torchvision.datasets.mnist import MNIST
from torchvision.datasets.folder import IMG_EXTENSIONS, default_loader
from torchvision.datasets.vision import StandardTransform, VisionDataset
from torchvision.models.alexnet import AlexNet
from torchvision.models.googlenet import GoogLeNet, GoogLeNetOutputs
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.utils import make_grid, save_image
assert nn is same is gpunn.nn and F is gpunn.nn.functional and Conv2d is nn.Conv2d
assert Categorical is torch.distributions.Categorical is gpunn.distributions.Categorical
assert MNIST is gpunn.vision.datasets.MNIST and isinstance(torchvision.models.resnet18().layer1[0], BasicBlock)
assert torchvision.models.alexnet.__name__ == "alexnet"
assert isinstance(torchvision.models.googlenet(init_weights=False), GoogLeNet)
assert torch.cuda.is_available is gpunn.cuda.is_available and torch.cuda.LongTensor.dtype is torch.int64
assert torchvision.models is gpunn.vision.models and torch.nn.modules.conv.Conv2d is Conv2d
assert torch.nn.modules.linear.NonDynamicallyQuantizableLinear is torch.nn.modules.Linear is nn.Linear
assert torch.serialization.safe_globals is gpunn.serialization.safe_globals
assert gpunn.nn.__spec__.name == "gpunn.nn" and gpunn.nn.functional.__name__ == "gpunn.nn.functional"
assert isinstance(nn.BatchNorm1d(2), _BatchNorm) and not isinstance(nn.LayerNorm(2), _BatchNorm) and _pair(1) == (1, 1)
assert torch.__version__ >= "2" and torch.version.__version__ == torch.__version__ and gpunn.__version__ < "1"
cudnn.benchmark = True
assert gpunn.backends.cudnn.benchmark
gpunn.compat.install_as_torch()  # for a second time
import torch as again
assert again is torch and torch.nn.Linear(2, 3)(torch.ones(1, 2)).shape == (1, 3)
print("done")
"""
        )
        == "done\n"
    )


def test_all_names_are_imported_by_a_star():
    assert run(
        START + "from torch import *\nfrom torch.nn import *\nprint(Linear(2, 3)(ones(1, 2)).shape, LongTensor([3]))"
    ) == ("torch.Size([1, 3]) tensor([3])\n")


def test_what_is_printed_is_under_pytorchs_name():
    program = """
import torch
x = torch.ones(2, dtype=torch.float64)
print(x, x.dtype, x.shape, x.layout, torch.channels_last, x.type(), x.type() == "torch.DoubleTensor")
print(x.max(0))
try:
    x.type("no")
except ValueError as error:
    print(error)
"""
    said = run(START + program).splitlines()
    assert said[0] == (
        "tensor([1., 1.], dtype=torch.float64) torch.float64 torch.Size([2]) torch.strided torch.channels_last "
        "torch.DoubleTensor True"
    )
    assert said[1:3] == ["torch.return_types.max(", "values=tensor(1., dtype=torch.float64),"]
    assert said[4] == "type: invalid type: 'no'; expected a dtype such as torch.float32"


def test_modules_that_need_no_import_of_their_own():
    program = """
import gpunn, torch
assert torch.autograd.function.once_differentiable is gpunn.autograd.once_differentiable
assert torch.utils.data.dataloader.default_collate is gpunn.utils.data.default_collate
assert torch.utils.data.sampler.Sampler is gpunn.utils.data.Sampler
assert torch.distributions.normal.Normal is gpunn.distributions.Normal
assert torch.multiprocessing.cpu_count() > 0 and torch.OutOfMemoryError is torch.cuda.OutOfMemoryError
assert torch.autograd.grad_mode.no_grad is torch.no_grad
print("done")
"""
    assert run(START + program) == "done\n"


def test_random_states():
    program = """
import torch
torch.random.manual_seed(3)
state = torch.random.get_rng_state()
with torch.random.fork_rng():
    first = torch.rand(2)
with torch.random.fork_rng(enabled=False):
    assert torch.equal(torch.rand(2), first)
assert not torch.equal(torch.rand(2), first)
torch.random.set_rng_state(state)
print(torch.equal(torch.rand(2), first))
"""
    assert run(START + program) == "True\n"


def test_what_gpunn_does_not_have_is_not_found():
    said = run(
        START
        + """
import sys, torch
sys.modules["tensorboardX"] = None
lines = "import torch.testing", "import torch.nn.no_such", "from torch import _dynamo", "import torchvision.ops"
lines += "torch.testing", "import torch.utils.tensorboard", "from torch.nn.modules.utils import _no_such"
for line in lines:
    try:
        exec(line)
    except (ImportError, AttributeError) as error:
        print(type(error).__name__, error)
"""
    ).splitlines()
    assert said[0] == "ModuleNotFoundError No module named 'torch.testing': gpunn has no gpunn.testing"
    assert said[1] == "ModuleNotFoundError No module named 'torch.nn.no_such': gpunn has no gpunn.nn.no_such"
    assert said[2].startswith("ImportError cannot import name '_dynamo' from 'torch'")
    assert said[3] == "ModuleNotFoundError No module named 'torchvision.ops': gpunn has no gpunn.vision.ops"
    assert said[4] == "AttributeError module 'torch' has no attribute 'testing'; gpunn has no torch.testing"
    assert said[5].endswith(
        "No module named 'torch.utils.tensorboard': it would be tensorboardX; pip install tensorboardX"
    )
    assert said[6].startswith("ImportError cannot import name '_no_such' from 'torch.nn.modules.utils'")


def test_what_programs_import_in_vain_is_empty():
    said = run(
        START
        + """
import torch.distributed as dist, torch.jit, torch.onnx, torch.multiprocessing as mp
assert torch.profiler.__name__ == "torch.profiler" and not dist.is_available()
assert not dist.is_initialized() and mp.cpu_count() > 0
try:
    torch.onnx.export
except AttributeError as error:
    print(error)
"""
    )
    assert said == "module 'torch.onnx' has no attribute 'export'; gpunn has no torch.onnx.export\n"


def test_other_imports_are_left_alone():
    assert run(START + "import json.tool, xml.dom\nprint(json.__name__)") == "json\n"


def test_pytorch_imported_before_is_refused():
    program = "import sys, types\nsys.modules['torch'] = fake = types.ModuleType('torch')\nfake.__file__ = 'x/torch'\n"
    with pytest.raises(AssertionError, match="torch has been imported already, from x/torch; call install_as_torch"):
        run(program + START)


def test_a_pickled_parameter_is_one_of_gpunn():
    program = """
import pickle, torch
model = torch.nn.Sequential(torch.nn.Linear(3, 2))
copy = pickle.loads(pickle.dumps(model[0].weight))
assert isinstance(copy, torch.nn.Parameter) and torch.equal(copy, model[0].weight)
print(type(copy).__module__.split(".")[0])
"""
    assert run(START + program) == "gpunn\n"


def test_modules_tell_where_they_come_from():
    program = """
import importlib, importlib.util, torch, torch.nn, torch.jit, gpunn.nn
for name in "torch", "torchvision", "torch.cuda", "torch.jit", "torch.nn.modules", "torch.nn.modules.conv":
    assert importlib.util.find_spec(name).name == name
    importlib.import_module(name)
    assert importlib.util.find_spec(name).name == name
assert importlib.reload(torch) is torch and torch.__spec__.name == "torch" and "module 'torch'" in repr(torch)
assert importlib.util.find_spec("torch.nn") is gpunn.nn.__spec__ and gpunn.nn.__spec__.name == "gpunn.nn"
print("done")
"""
    assert run(START + program) == "done\n"


def test_attributes_are_set_and_deleted_where_they_are():
    program = """
import gpunn, torch
from unittest import mock
own = gpunn.relu
with mock.patch("torch.relu", 5):
    assert torch.relu == gpunn.relu == 5
assert torch.relu is gpunn.relu is own
torch.mine = 3
del torch.mine
assert not hasattr(torch, "mine") and not hasattr(gpunn, "mine")
from torch.tensor import Tensor
assert torch.tensor([1]).tolist() == [1] and Tensor is torch.Tensor
print("done")
"""
    assert run(START + program) == "done\n"
