"""What the doctor says of a GPU that is not here."""

from __future__ import annotations

import pytest
import torch

from codefuse_lsp.cli import doctor
from codefuse_lsp.worker import cuda_ops


@pytest.mark.parametrize("serves", [True, False])
def test_a_gpu_whose_kernels_cannot_be_compiled_is_told_with_what_is_missing(
    serves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "A GPU")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (20 << 30, 24 << 30))
    monkeypatch.setattr(cuda_ops, "serve", lambda device, dtype: serves)
    said = doctor._torch()
    assert "CUDA: A GPU (20.0 GiB free of 24.0)" in said
    assert ("a C compiler (gcc)" in said) is not serves
