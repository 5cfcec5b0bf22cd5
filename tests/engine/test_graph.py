import pytest

import gpunn as gp
from gpunn.engine import AccumulateGrad, Node


def test_a_bare_node_cannot_run():
    node = Node()
    node.enter_graph((), ())
    with pytest.raises(NotImplementedError):
        node.apply_backward([])
    node.release()


def test_a_leaf_has_one_accumulator_while_a_graph_holds_it():
    x = gp.tensor([1.0], requires_grad=True)
    a, b = x * 2, x * 3
    node = a.grad_fn.next_functions[0][0]
    assert isinstance(node, AccumulateGrad) and node is b.grad_fn.next_functions[0][0]
