"""A device other than the CPU, without one: what a GPU would refuse, refused here.

`FarDevice(model)` is a context in which the model counts as being far away; `take(model)` brings another one there,
`makes_far(load)` all that `load` makes. A tensor is there when the model made it, or when it was made with
`device=model.device`, or moved with `.to(model.device)`; whatever is computed from it is there too. A tensor that was
made without a word about its device is here. As on a GPU, the model takes no ids that are here, tensors (but for those
of one number) from both places do not mix, and only what was brought back becomes a numpy array.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

MOVES = {torch.Tensor.to}
BRINGS_BACK = {torch.Tensor.cpu}
COPIES = {torch.Tensor.__deepcopy__}  # its second argument remembers what else was copied
READS = {torch.Tensor.numpy, torch.Tensor.__array__}
HANDLES = {torch.Tensor.device.__get__, torch.Tensor.dtype.__get__, torch.Tensor.shape.__get__}


class WrongDevice(RuntimeError):
    """What a GPU would have refused."""


class FarDevice(TorchFunctionMode):
    """The context; `models` are modules of torch. Raises WrongDevice inside."""

    def __init__(self, *models: torch.nn.Module):
        super().__init__()
        self._far = weakref.WeakValueDictionary()
        self._models, self._hooks, self._inside = models, [], 0

    def __enter__(self) -> FarDevice:
        for model in self._models:
            self.take(model)
        return super().__enter__()

    def take(self, model: torch.nn.Module) -> torch.nn.Module:
        """The same model, from now on far away too; for use inside the context."""
        for tensor in (*model.parameters(), *model.buffers()):
            self._put(tensor)
        self._hooks += [
            model.register_forward_pre_hook(self._arrive, with_kwargs=True),
            model.register_forward_hook(self._leave, always_call=True, with_kwargs=True),
        ]
        return model

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def makes_far(self, make: Callable) -> Callable:
        """A function that makes models (alone, or in a tuple with other things): the same, and they are far away."""

        @functools.wraps(make)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._inside += 1
            try:
                made = make(*args, **kwargs)
            finally:
                self._inside -= 1
            for one in made if isinstance(made, tuple) else (made,):
                if isinstance(one, torch.nn.Module):
                    self.take(one)
            return made

        return wrapped

    def is_far(self, tensor: torch.Tensor) -> bool:
        return self._far.get(id(tensor)) is tensor

    def _put(self, tensor: torch.Tensor) -> None:
        self._far[id(tensor)] = tensor

    def _arrive(self, module: Any, args: tuple, kwargs: dict) -> None:
        self._inside += 1  # before anything is raised: torch calls _leave then too
        for tensor in self._tensors((args, kwargs)):
            if not self.is_far(tensor):
                raise WrongDevice("the model is on another device than the tensor that it was given: move it there")

    def _leave(self, module: Any, args: tuple, kwargs: dict, output: Any) -> None:
        self._inside -= 1
        for tensor in self._tensors(dict(output) if isinstance(output, dict) else output):
            self._put(tensor)

    @staticmethod
    def _tensors(tree: Any) -> list[torch.Tensor]:
        return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if function in HANDLES:
            return result
        if self._inside:  # what is made there is there: the keys and values of a cache, what a hook sees
            for tensor in self._tensors(result):
                self._put(tensor)
            return result
        given = self._tensors(args[0] if function in COPIES else (args, kwargs))
        far = [tensor for tensor in given if self.is_far(tensor)]
        if function in READS and far:
            raise WrongDevice("a tensor on another device does not become a numpy array: bring it back with .cpu()")
        named = kwargs.get("device") or (function in MOVES and next(filter(_is_place, args[1:]), None))
        if function in BRINGS_BACK or named == "cpu":
            return result.clone() if given and result is given[0] else result  # a copy that is here
        placed = bool(named)
        if not placed and far and any(not self.is_far(tensor) and tensor.dim() for tensor in given):
            raise WrongDevice(f"{getattr(function, '__name__', function)}: tensors on two devices")
        if placed or far:
            if placed and given and result is given[0] and not far:
                result = result.clone()  # what was moved is there, what it was moved from is still here
            for tensor in self._tensors(result):
                self._put(tensor)
        return result


def _is_place(argument: Any) -> bool:
    return isinstance(argument, str | torch.device)
