"""Where arguments differ from PyTorch's, and why. Written by hand; nothing enters these tables by itself."""

# Names whose Python signature differs.
PYTHON = {
    "dtype": "dtypes are made by the libraries themselves, never by a program",
    "layout": "layouts are made by the libraries themselves, never by a program",
    "norm": "out= is not promised, so that what comes after it is given by name",
    "Tensor.__array__": "NumPy 2 asks for copy=, which PyTorch does not take yet",
    "no_grad": "PyTorch's takes a function as well, as @no_grad needs it, but Python sees another method's signature",
    "autograd.no_grad": "PyTorch's takes a function as well, as @no_grad needs it",
    "save": "no file is written through pickle, so that its module is not the default",
    "load": "nothing is unpickled, so that there are no further arguments for pickle",
    "nn.functional.max_pool3d": "torch.overrides has two flags the other way round, max_pool3d itself has not",
    "utils.data.random_split": "the default generator is taken when it is called, not when it is defined",
    "utils.checkpoint.checkpoint": "preserve_rng_state has a name, and stands before the keywords of the function",
    "utils.checkpoint.checkpoint_sequential": "preserve_rng_state, PyTorch's only further argument, has a name",
    "func.jacrev": "a further argument is for tests inside PyTorch, and not documented",
    "cuda.Stream": "further arguments are the numbers of a stream inside PyTorch",
}

# Methods, by the class that PyTorch defines them in; "*" for any.
METHODS = {
    "*.clone": "a mode makes its own copies where it decorates; no program needs another",
    "Distribution.sample_n": "sample((n,)) by a name that PyTorch is giving up",
    "Module.ipu": "there are no such devices here",
    "Module.mtia": "there are no such devices here",
    "Module.xpu": "there are no such devices here",
    "Adagrad.share_memory": "the tensors of its state have share_memory_ themselves",
    "Module.register_backward_hook": "it also takes prepend, as the newer forms do",
    "Module.to": "the keywords have names",
    "*.check_forward_args": "a step inside PyTorch's layer",
    "*.check_hidden_size": "a step inside PyTorch's layer",
    "*.check_input": "a step inside PyTorch's layer",
    "*.get_expected_hidden_size": "a step inside PyTorch's layer",
    "*.get_expected_cell_size": "a step inside PyTorch's layer",
    "*.permute_hidden": "a step inside PyTorch's layer",
    "MultiheadAttention.merge_masks": "a step inside PyTorch's layer",
    "Sequential.extend": "one method of all lists of modules: the argument is modules, as in ModuleList",
    "Optimizer.profile_hook_step": "a step inside PyTorch's optimizer",
    "LBFGS.step": "without a closure it says so itself, by name",
    "ConcatDataset.cumsum": "a step inside PyTorch's data set",
    "DataLoader.check_worker_number_rationality": "a step inside PyTorch's loader",
    "Event.ipc_handle": "events of several processes are not promised",
    "*.jvp": "derivatives in forward mode are not promised",
    "*.save_for_forward": "derivatives in forward mode are not promised",
    "*.vmap": "vmap calls functions with one example at a time, for which they need no rule",
    "*.setup_context": "where a class has it, it is used; there is none to inherit",
    "*.mark_dirty": "a method of the ctx that forward gets",
    "*.mark_non_differentiable": "a method of the ctx that forward gets",
    "*.mark_shared_storage": "PyTorch's own does nothing any more",
    "*.save_for_backward": "a method of the ctx that forward gets",
    "*.set_materialize_grads": "a method of the ctx that forward gets",
}

# Overloads, by a part of their schema, that are not Python's or lie outside the promise.
OVERLOADS = {
    "aten::add.Scalar": "TorchScript's; Python takes alpha by name only",
    "aten::add_.Scalar": "TorchScript's; Python takes alpha by name only",
    "aten::sub.Scalar": "TorchScript's; Python takes alpha by name only",
    "aten::sub_.Scalar": "TorchScript's; Python takes alpha by name only",
    "aten::split(": "TorchScript's; Python's Tensor.split has split_size for sizes too",
    "aten::copy_.": "TorchScript's; Python's is copy_(src, non_blocking)",
    "aten::to.other": "Python takes the other tensor by position",
    "aten::to.dtype_layout": "TorchScript's; Python's Tensor.to has neither layout nor pin_memory",
    "tensor_indices_or_sections": "the name of the documentation is indices_or_sections",
    "ScalarType out_dtype": "for integers and half types on NVIDIA's libraries only: PyTorch's CPU has no such kernel",
    "float from=": "from is a word of Python's, no argument can be called so in a program",
    "int from, int? to": "from is a word of Python's, no argument can be called so in a program",
    "aten::linalg_vector_norm": "the documentation says x for what PyTorch takes under input, too",
    'str padding="valid"': "without padding, 0 and valid are the same",
    "aten::isin.Tensor_Scalar": "a number has the name of the tensors that it stands for",
    "aten::isin.Scalar_Tensor": "a number has the name of the tensors that it stands for",
    "aten::result_type": "the names of the documentation are tensor1 and tensor2",
    "aten::elu_(": "scale and input_scale are for selu and celu inside PyTorch, and not documented",
}

# Functions whose overloads have other arguments in one place: ours tells them apart by their types or their number.
PLACES = {
    "arange": "one number is the end, as in Python's range",
    "randint": "one number is the end, as in Python's range",
    "random_": "one number is the end, as in Python's range",
    "max": "the second argument is a dimension or a tensor",
    "min": "the second argument is a dimension or a tensor",
    "var": "the second argument is a dimension, or a truth value for unbiased",
    "std": "the second argument is a dimension, or a truth value for unbiased",
    "var_mean": "the second argument is a dimension, or a truth value for unbiased",
    "std_mean": "the second argument is a dimension, or a truth value for unbiased",
    "repeat_interleave": "a tensor alone is repeats",
    "softmax": "the third argument is a dtype, or nn.functional's _stacklevel",
    "log_softmax": "the third argument is a dtype, or nn.functional's _stacklevel",
    "rrelu": "the fifth argument is nn.functional's inplace; a generator is given by name",
    "nn.functional.rrelu_": "the fifth argument is nn.functional's inplace; a generator is given by name",
}

# Defaults that are written in another way, by function and argument.
DEFAULTS = {
    ("randint", "dtype"): "None means int64",
    ("nan_to_num", "nan"): "None means 0",
    ("var", "unbiased"): "None means True, and tells that correction may be given",
    ("std", "unbiased"): "None means True, and tells that correction may be given",
    ("var_mean", "unbiased"): "None means True, and tells that correction may be given",
    ("std_mean", "unbiased"): "None means True, and tells that correction may be given",
    ("norm", "p"): "the method's, as torch.norm's: fro, which is 2 without dimensions",
    ("trapezoid", "dx"): "None means 1, and tells that x may be given",
    ("trapz", "dx"): "None means 1, and tells that x may be given",
}
