"""einsum: sums of products in Einstein's notation."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.indexing.diagonal import Diagonal
from gpunn.ops.linalg.contraction import Labels, arranged, contract, summed
from gpunn.ops.linalg.products import check_operands

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

LETTERS = string.ascii_uppercase + string.ascii_lowercase  # the numbers of the sublist format


def einsum(*args: Any) -> Tensor:
    """The sum of products that `equation` describes: einsum("bij,bjk->bik", x, y).

    A letter names a dimension; dimensions with the same letter are multiplied, letters that are not in the
    output are summed over. A letter twice in one operand takes the diagonal. "..." stands for all dimensions
    without a letter, which broadcast. Without "->" the output has the letters that occur once, in
    alphabetical order, capitals first, behind the "...". The other format is einsum(x, [0, 1], y, [1, 2], [0,
    2]), with Ellipsis for "...". Operands are contracted in pairs from left to right, each pair by one
    (batched) GEMM.
    """
    inputs, output, operands = _parsed(args)
    check_operands("einsum", *operands)
    labelled = [_labelled(i, terms, x) for i, (terms, x) in enumerate(zip(inputs, operands, strict=True))]
    width = max(sum(isinstance(label, int) for label in labels) for labels, _ in labelled)
    out = _output(inputs, output, width)
    _check_sizes(labelled)
    labels, result = labelled[0]
    for i, (other_labels, other) in enumerate(labelled[1:], 2):
        later = {label for rest, _ in labelled[i:] for label in rest}
        result, labels = contract(result, labels, other, other_labels, {*out, *later})
    result, labels = summed(result, labels, out)
    return arranged(result, labels, out)


def is_contraction(*args: Any) -> bool:
    """Whether einsum(*args) sums over a dimension that two operands share: then it is a matrix product."""
    inputs, output, _ = _parsed(args)
    shared = {label for i, terms in enumerate(inputs) for later in inputs[i + 1 :] for label in {*terms} & {*later}}
    return bool(shared - ({...} if output is None else {*output}))


def _parsed(args: tuple[Any, ...]) -> tuple[list[Labels], Labels | None, list[Tensor]]:
    """The labels of each operand (Ellipsis is one, too), those of the output (None: not given), the operands."""
    if len(args) < 2:
        raise ArgumentError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if not isinstance(args[0], str):
        terms = [_from_numbers(t) for t in args[1::2]]
        output = None if len(args) % 2 == 0 else _from_numbers(args[-1])
        return terms, output, list(args[: len(args) // 2 * 2 : 2])
    operands = list(args[1]) if len(args) == 2 and isinstance(args[1], Sequence) else list(args[1:])
    left, arrow, right = args[0].partition("->")
    terms = [_from_text(t, f"operand {i}") for i, t in enumerate(left.split(","))]
    if len(terms) != len(operands):
        amount = "fewer" if len(operands) < len(terms) else "more"
        raise ArgumentError(
            f"einsum(): {amount} operands were provided than specified in the equation: {len(operands)} for {args[0]!r}"
        )
    return terms, _from_text(right, "the output") if arrow else None, operands


def _from_text(term: str, where: str) -> Labels:
    """The labels of one operand from text such as "b...ij"."""
    labels: Labels = []
    for i, part in enumerate(term.replace(" ", "").split("...")):
        if i == 2:
            raise ArgumentError(f"einsum(): found '.' for {where} for which an ellipsis was already found: {term!r}")
        if "." in part:
            raise ArgumentError(f"einsum(): found '.' for {where} that is not part of any ellipsis: {term!r}")
        for letter in part:
            if letter not in LETTERS:
                raise ArgumentError(
                    f"einsum(): invalid subscript {letter!r} for {where}, subscripts must be in [a-zA-Z]: {term!r}"
                )
        labels += [..., *part] if i else [*part]
    return labels


def _from_numbers(term: Any) -> Labels:
    """The labels of one operand from a list such as [0, Ellipsis, 2]."""
    if not isinstance(term, Sequence) or isinstance(term, str):
        raise ArgumentTypeError(
            f"einsum(): expected a list of subscripts behind each operand, got {type(term).__name__}"
        )
    for number in term:
        if number is not Ellipsis and not (isinstance(number, int) and 0 <= number < len(LETTERS)):
            raise ArgumentError(
                f"einsum(): subscript {number!r} in subscript list is not within the valid range [0, 52)"
            )
    return [number if number is Ellipsis else LETTERS[number] for number in term]


def _labelled(i: int, term: Labels, x: Tensor) -> tuple[Labels, Tensor]:
    """Operand `i` with a label for each dimension, all different; those of the ellipsis are …, -2, -1."""
    rank, letters = x.array.ndim, len(term) - (... in term)
    if letters > rank or (letters < rank and ... not in term):
        raise ShapeError(
            f"einsum(): the number of subscripts in the equation ({letters}) does not match the number of dimensions "
            f"({rank}) for operand {i} of shape {x.array.shape}{' and no ellipsis was given' if letters < rank else ''}"
        )
    labels: Labels = []
    for label in term:
        labels += range(letters - rank, 0) if label is Ellipsis else [label]
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            m, n = x.array.shape[first], x.array.shape[second]
            if m != n:
                raise ShapeError(
                    f"einsum(): subscript {label} is repeated for operand {i} but the sizes don't match, {n} != {m}"
                )
            x = Diagonal(0, first, second)(x)
            labels = [other for d, other in enumerate(labels) if d not in (first, second)] + [label]
    return labels, x


def _output(inputs: list[Labels], output: Labels | None, width: int) -> Labels:
    """The labels of the result; `width` dimensions are in the ellipsis."""
    letters = [label for term in inputs for label in term if label is not Ellipsis]
    if output is None:
        return [*range(-width, 0), *sorted(label for label in set(letters) if letters.count(label) == 1)]
    for label in output:
        if label is not Ellipsis and label not in letters:
            raise ArgumentError(
                f"einsum(): output subscript {label} does not appear in the equation for any input operand"
            )
        if output.count(label) > 1:
            raise ArgumentError(f"einsum(): output subscript {label} appears more than once in the output")
    out: Labels = []
    for label in output:
        out += range(-width, 0) if label is Ellipsis else [label]
    return out


def _check_sizes(labelled: list[tuple[Labels, Tensor]]) -> None:
    """Raise ShapeError unless dimensions with the same label have the same length, or 1."""
    known: dict[Any, int] = {}
    for i, (labels, x) in enumerate(labelled):
        for label, n in zip(labels, x.array.shape, strict=True):
            seen = known.setdefault(label, n)
            if seen == 1:
                known[label] = n
            elif n not in (1, seen):
                name = "of the ellipsis" if isinstance(label, int) else label
                raise ShapeError(
                    f"einsum(): subscript {name} has size {n} for operand {i} which does not broadcast with previously "
                    f"seen size {seen}"
                )
