"""The optimizer is given the parameters to train, once they exist, and again when some were thawed or added."""

from typing import Any


def bind_optimizer(model: Any) -> None:
    """Give the optimizer of a compiled, built model its parameters.

    Raises
    ------
    ValueError
        The model has nothing to train, or its optimizer is another model's.
    """
    optimizer, own = model.optimizer, model.parameters()
    if not any(p.requires_grad for p in own):
        raise ValueError(f"fit has nothing to train: {model.name!r} has no parameters, or all are frozen.")
    if not {id(p) for p in optimizer.parameters} <= {id(p) for p in own}:
        raise ValueError(
            f"this {type(optimizer).__name__} is bound to parameters that are not in {model.name!r}.\n"
            "Make a new optimizer for each model, and compile again."
        )
    if not is_bound(model):
        optimizer.bind(own)


def is_bound(model: Any) -> bool:
    """Whether the optimizer knows all that is to be trained; one that came with parameters trains only those."""
    bound = {id(p) for p in model.optimizer.parameters}
    return not model.binds_optimizer or all(id(p) in bound for p in model.parameters() if p.requires_grad)
