"""Products of rows that are sorted by group with a matrix for each group, as the experts of a layer are computed.

By torch.nn.functional.grouped_mm, as operations of their own that layers can be compiled around.
"""

from typing import Any

import torch
from torch.nn import functional


def sorted_by_group(groups: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the order of rows by their group (rows), its inverse (rows), and where each group ends (count), int32.

    The sort is stable, so that sums have one order.
    """
    order = torch.argsort(groups, stable=True)
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(len(order), device=order.device)
    # Counted in the one number format that each kind of device counts in, in the same order every time.
    counted = groups.float() if groups.device.type == "cpu" else groups.int()
    ends = torch.histc(counted, bins=count, min=0, max=count - 1).cumsum(0).to(torch.int32)
    return order, inverse, ends


def frozen_product(rows: torch.Tensor, stack: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Return rows (rows, in), sorted by expert, times their expert's matrix of a stack (experts, out, in)."""
    made: torch.Tensor = grouped_product(rows, stack.transpose(1, 2), ends)
    return made


@torch.library.custom_op("scribetune::grouped_product", mutates_args=())
def grouped_product(rows: torch.Tensor, stack: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Multiply each row (rows, in), sorted by group, by its group's matrix in the stack (groups, in, out): (rows, out).

    `ends` (groups), int32, says where each group's rows end. An operation of its own: the compiler would choose strides
    for the matrices that grouped_mm refuses.
    """
    return functional.grouped_mm(rows.contiguous(), _readable(stack), offs=ends)


@torch.library.custom_op("scribetune::grouped_outer", mutates_args=())
def grouped_outer(rows: torch.Tensor, gradients: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Return for each group the product (in, out) of its rows (rows, in), transposed, and gradients (rows, out)."""
    return functional.grouped_mm(rows.contiguous().t(), gradients.contiguous(), offs=ends)


def _readable(stack: torch.Tensor) -> torch.Tensor:
    """Return a stack of matrices that are row by row or column by column in memory."""
    rows, columns = stack.stride()[1:]
    plain = (columns == 1 and rows == stack.shape[2]) or (rows == 1 and columns == stack.shape[1])
    return stack if plain else stack.contiguous()


@grouped_product.register_fake
def _(rows: torch.Tensor, stack: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
    return rows.new_empty(rows.shape[0], stack.shape[2])


@grouped_outer.register_fake
def _(rows: torch.Tensor, gradients: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    return rows.new_empty(ends.shape[0], rows.shape[1], gradients.shape[1])


def _keep(ctx: Any, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor], output: torch.Tensor) -> None:  # noqa: ARG001
    rows, stack, ends = inputs
    # The matrices learn nothing from rows where they are frozen: those are let go.
    ctx.save_for_backward(rows if stack.requires_grad else None, stack, ends)


def _gradients(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
    rows, stack, ends = ctx.saved_tensors
    by_row = grouped_product(gradient, stack.transpose(1, 2), ends) if ctx.needs_input_grad[0] else None
    by_group = grouped_outer(rows, gradient, ends) if rows is not None else None
    return by_row, by_group, None


grouped_product.register_autograd(_gradients, setup_context=_keep)
