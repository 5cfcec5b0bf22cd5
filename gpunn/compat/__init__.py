"""gpunn.compat: programs written for PyTorch, run on gpunn.

```
import gpunn
gpunn.compat.install_as_torch()
import torch                       # gpunn under PyTorch's name, from here on
from torchvision import datasets   # gpunn.vision
```

or, without touching the program: `python -c "import gpunn, runpy; gpunn.compat.install_as_torch();
runpy.run_path('train.py', run_name='__main__')"`.
"""

from gpunn.compat.install import install_as_torch as install_as_torch
