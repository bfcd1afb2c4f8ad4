"""Lets transformers be imported beside a torchvision whose compiled operators do not fit this torch.

A torchvision built for CUDA, or for another torch, is often found beside a CPU torch. Its import then ends with
`operator torchvision::nms does not exist`, because it describes operators that its compiled library should have
declared, and transformers, which imports it when Pillow is there too, fails with it. No text model needs those
operators: they are declared here without an implementation, as torchvision would, and calling one is still refused.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from torch.library import define

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
"""Of both `nms` and `qnms`, the two that torchvision/_meta_registrations.py describes on import without asking whether
they are there; from torchvision/csrc/ops/nms.cpp and torchvision/csrc/ops/quantized/cpu/qnms_kernel.cpp."""


@cache  # an operator can be declared once
def declare() -> bool:
    """Declare the missing operators if torchvision is there and cannot be imported for want of them; say whether.

    To be called before transformers is imported.
    """
    if find_spec("torchvision") is None:
        return False
    try:
        import_module("torchvision")
    except ImportError:
        return False  # it lacks something else, such as Pillow: then transformers leaves it alone
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        for operator in ("nms", "qnms"):
            define(f"torchvision::{operator}", SCHEMA)
        return True
    return False
