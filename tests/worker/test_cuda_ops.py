"""Kernels of a CUDA device, where there is none: computed by Triton's interpreter, and compiled for what is in use."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from codefuse_lsp.worker import cuda_ops

triton = pytest.importorskip("triton", reason="TRITON IS NOT INSTALLED: the kernels were not tried")
NEEDED = (3, 7)  # before, its interpreter did not know NumPy 2.4 and later

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        tuple(map(int, importlib.metadata.version("triton").split(".")[:2])) < NEEDED,
        reason="THIS TRITON IS TOO OLD to be run without a device",
    ),
]
NUMBERS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
GPUS = [(86, [*NUMBERS]), (90, ["bf16"])]  # RTX 30, which has the least memory of those in use; H100 and H200
SHARED_BYTES = 99 << 10  # of a program, on the smallest of these


def test_they_compute_what_torch_computes() -> None:
    """Triton reads its switch when it is imported, so what is interpreted has a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/worker/interpreted_kernels.py"]
    done = subprocess.run(command, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("gpu", "numbers"), GPUS)
def test_they_are_compiled_for_the_gpus_of_today(
    gpu: int, numbers: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from codefuse_lsp.worker import cuda_kernels

    compiled = []

    class Call:
        """What compiles a kernel instead of launching it."""

        def __init__(self, kernel: object) -> None:
            self.kernel = kernel

        def __getitem__(self, grid: tuple[int, ...]) -> object:
            return self.compile

        def compile(self, *arguments: object, num_warps: int = 4, num_stages: int = 3, **constants: object) -> None:
            names = self.kernel.arg_names  # type: ignore[attr-defined]
            signature = {name: _kind(value) for name, value in zip(names, arguments, strict=False)}
            signature |= dict.fromkeys(constants, "constexpr")
            places = {(names.index(name),): value for name, value in constants.items()}
            source = ASTSource(self.kernel, signature, constexprs=places)
            options = {"num_warps": num_warps, "num_stages": num_stages}
            compiled.append(triton.compile(source, target=GPUTarget("cuda", gpu, 32), options=options))

    class Kernels:
        def __getattr__(self, name: str) -> Call:
            return Call(getattr(cuda_kernels, name))

    monkeypatch.setattr(cuda_ops, "_kernels", Kernels)
    for name in numbers:
        cuda_ops.errors(torch.device("cpu"), NUMBERS[name])
    assert len(compiled) == 6 * len(numbers)
    assert all(one.asm["cubin"] and one.metadata.shared <= SHARED_BYTES for one in compiled)


def _kind(value: object) -> str:
    kinds = {torch.int64: "*i64"} | {dtype: f"*{name}" for name, dtype in NUMBERS.items()}
    if isinstance(value, torch.Tensor):
        return kinds[value.dtype]
    return "fp32" if isinstance(value, float) else "i32"
