from __future__ import annotations

import subprocess
import sys

import pytest

from codefuse_lsp.worker import memory

# What a layer does with 256 tokens: it turns queries and keys and gates activations; results are freed while others
# are made. How much the allocator gives back by itself hangs on what lies where: this order makes it give back much.
LAYERS = """
import resource, sys
import torch
from codefuse_lsp.worker import memory

if sys.argv[1] == "kept":
    memory.keep()
torch.set_num_threads(1)
qkv, cos, sin, both = torch.randn(256, 960), torch.rand(256, 1, 64), torch.rand(256, 1, 64), torch.randn(256, 3072)

def turn():
    heads = qkv.view(256, 15, 64)[:, :12]
    return heads * cos + heads.roll(32, -1) * sin

def gate():
    gate, up = both.chunk(2, -1)
    return torch.nn.functional.silu(gate) * up

for number in range(120):
    if number == 20:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    turn()
    gate()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def fresh_pages(how: str) -> int:
    told = subprocess.run([sys.executable, "-c", LAYERS, how], capture_output=True, text=True, check=True)
    return int(told.stdout)


@pytest.mark.skipif(memory._from_libc("mallopt") is None, reason="THIS C LIBRARY HAS NO MALLOPT")
def test_memory_that_is_freed_is_kept_for_the_next_layer() -> None:
    by_itself = fresh_pages("as it is")
    if by_itself < 1000:
        pytest.skip("THE ALLOCATOR KEPT ITS MEMORY BY ITSELF, so there was nothing to see")
    assert fresh_pages("kept") < by_itself / 100


def test_a_c_library_without_the_functions_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_from_libc", lambda name: None)
    memory.keep.__wrapped__()
    memory.give_back()
