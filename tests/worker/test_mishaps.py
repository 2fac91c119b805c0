from __future__ import annotations

import pytest
import torch

from codefuse_lsp.worker.mishaps import Mishap, read_mishap


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), Mishap.OUT_OF_MEMORY),
        (MemoryError(), Mishap.OUT_OF_MEMORY),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), Mishap.OUT_OF_MEMORY),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), Mishap.DEVICE_LOST),
        (RuntimeError("CUDA error: device-side assert triggered"), Mishap.DEVICE_LOST),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), Mishap.OTHER),
        (KeyError("illegal memory access"), Mishap.OTHER),
    ],
)
def test_an_error_is_told_for_what_it_means(error: Exception, kind: Mishap) -> None:
    assert read_mishap(error) is kind
    assert kind.value.endswith(".")


def test_an_allocation_that_this_machine_really_refuses_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50, dtype=torch.uint8)
    assert read_mishap(caught.value) is Mishap.OUT_OF_MEMORY
