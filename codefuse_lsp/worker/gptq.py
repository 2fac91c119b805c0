"""Load a checkpoint that GPTQ has rounded to 4 bits, as its tensors lie in AutoGPTQ's and GPTQModel's files.

Input: a checkpoint folder, then its tensors through transformers' loader. Output: a model whose linear layers are
packed for torch's own kernels. Needs no other package; knows nothing of settings.

Of a layer with N outputs, K inputs and G groups the files hold: `qweight` (K / 8, N) int32, eight codes of a column in
a word, the first lowest; `qzeros` (G, N / 8) int32, packed along N; `scales` (G, N); `g_idx` (K,), each input's group.
weight[n, k] = scales[g, n] * (code[k, n] - zero[g, n]) with g = g_idx[k] (AutoGPTQ, nn_modules/qlinear). The first
version of the format stores zero - 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.quantizers.quantizers_utils import should_convert_module
from transformers.utils.quantization_config import QuantizationConfigMixin

from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker.checkpoint import quantized
from codefuse_lsp.worker.packed_linear import KERNEL_GROUPS, Int4Linear, fits_int4
from codefuse_lsp.worker.rounding import LARGEST, MIDDLE, Groups

METHOD = "codefuse_gptq"


@dataclass(frozen=True, slots=True)
class Format:
    """How a checkpoint was rounded, as far as its tensors do not tell it."""

    group_size: int  # -1: a whole row
    zero_offset: int  # what was taken from a zero before it was stored
    head: bool  # whether the head was rounded too


def read_format(folder: Path) -> Format | None:
    """Return how a checkpoint was rounded, None when not by GPTQ.

    Raises ModelError for a kind that is not read here.
    """
    facts = quantized(folder)
    if facts is None or facts.get("quant_method") != "gptq":
        return None
    bits, kind = facts.get("bits"), facts.get("checkpoint_format") or "gptq"
    if bits != 4:
        raise ModelError(f"{folder.name} was rounded to {bits} bits by GPTQ; only 4 are read. Choose a 4-bit one.")
    if kind not in ("gptq", "gptq_v2"):
        raise ModelError(f"{folder.name} holds GPTQ weights in the format {kind}; only gptq and gptq_v2 are read.")
    if facts.get("dynamic"):
        raise ModelError(f"{folder.name} was rounded by rules that differ by layer (`dynamic`), which are not read.")
    group_size = facts.get("group_size", -1)
    if not isinstance(group_size, int) or (group_size < 1 and group_size != -1):
        raise ModelError(f"{folder.name}: its group_size is {group_size}; it must be a number of columns or -1.")
    return Format(group_size, 0 if kind == "gptq_v2" else 1, bool(facts.get("lm_head")))


def config_of(folder: Path, wanted: Format, trust_remote_code: bool) -> Any:
    """Return the model's configuration, changed so that transformers loads it by the quantizer below."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
    config.quantization_config = {"quant_method": METHOD, **asdict(wanted)}
    return config


@register_quantization_config(METHOD)
class Rounded(QuantizationConfigMixin):
    """A Format in the dress in which transformers hands it on."""

    def __init__(self, quant_method: str = METHOD, **facts: Any) -> None:
        self.quant_method: Any = quant_method
        self.format = Format(**facts)


@register_quantizer(METHOD)
class GptqQuantizer(HfQuantizer):
    """Puts in places for the stored tensors, and packs them layer by layer when all have come."""

    quantization_config: Rounded

    def param_element_size(self, model: Any, param_name: str, param: torch.Tensor) -> float:
        """Return the bytes of a stored number."""
        return param.element_size()

    def _process_model_before_weight_loading(self, model: Any, **_: Any) -> None:
        wanted: Format = self.quantization_config.format
        kept = self.get_modules_to_not_convert(model, [] if wanted.head else None, None)
        for name, module in list(model.named_modules()):
            if type(module) is torch.nn.Linear and should_convert_module(name, kept):
                with torch.device("meta"):
                    model.set_submodule(name, Stored(module, wanted.group_size))

    def _process_model_after_weight_loading(self, model: Any, **_: Any) -> None:
        for name, module in list(model.named_modules()):
            if isinstance(module, Stored):
                model.set_submodule(name, module.packed(name, self.quantization_config.format.zero_offset))

    def is_serializable(self) -> bool:
        """Return False: what was packed for one device's kernels is not saved."""
        return False

    @property
    def is_trainable(self) -> bool:
        """False: codes have no gradients."""
        return False


class Stored(torch.nn.Module):
    """The tensors of one layer as they lie in the files."""

    def __init__(self, layer: torch.nn.Linear, group_size: int) -> None:
        super().__init__()
        columns, rows, self.dtype = layer.in_features, layer.out_features, layer.weight.dtype
        num_groups = 1 if group_size == -1 else -(-columns // group_size)
        self.register_buffer("qweight", torch.empty(columns // 8, rows, dtype=torch.int32))
        self.register_buffer("qzeros", torch.empty(num_groups, rows // 8, dtype=torch.int32))
        self.register_buffer("scales", torch.empty(num_groups, rows, dtype=torch.float16))
        self.register_buffer("g_idx", torch.empty(columns, dtype=torch.int32))
        self.bias = None if layer.bias is None else torch.nn.Parameter(torch.empty_like(layer.bias))
        self.qweight: torch.Tensor
        self.qzeros: torch.Tensor
        self.scales: torch.Tensor
        self.g_idx: torch.Tensor

    @torch.no_grad()
    def packed(self, name: str, zero_offset: int) -> torch.nn.Module:
        """Return the layer for the kernels; as a plain linear layer where its shape or groups do not suit them."""
        codes = _nibbles(self.qweight.T.contiguous()).contiguous()  # (N, K) uint8
        zeros = (_nibbles(self.qzeros) + zero_offset & LARGEST).float()  # (G, N)
        zeros = (MIDDLE - zeros) * self.scales.float()
        group_of = self.g_idx.long()
        if int(group_of.min()) < 0 or int(group_of.max()) >= len(self.scales):
            raise ModelError(f"{name}.g_idx names a group that is not there; the checkpoint is damaged.")
        order = group_of.argsort(stable=True)
        in_order = bool((order.diff() > 0).all())
        group_of, bias = group_of[order], None if self.bias is None else self.bias.data
        size = _kernel_group(group_of) if fits_int4(*codes.shape) else None
        if size is None:
            return self._plain(codes, zeros, bias)
        used = group_of[::size]  # (K / size,)
        groups = Groups(
            codes if in_order else codes[:, order], self.scales[used].T.bfloat16(), zeros[used].T.bfloat16()
        )
        return Int4Linear(groups, bias, None if in_order else order)

    def _plain(self, codes: torch.Tensor, zeros: torch.Tensor, bias: torch.Tensor | None) -> torch.nn.Linear:
        group_of = self.g_idx.long()
        weight = (codes.float() - MIDDLE) * self.scales.float()[group_of].T + zeros[group_of].T  # (N, K)
        layer = torch.nn.Linear(codes.shape[1], codes.shape[0], bias is not None, device="meta")
        layer.weight = torch.nn.Parameter(weight.to(self.dtype), requires_grad=False)
        if bias is not None:
            layer.bias = torch.nn.Parameter(bias, requires_grad=False)
        return layer


def _nibbles(words: torch.Tensor) -> torch.Tensor:
    """Return the eight codes of each int32 word, the lowest first: (A, B) -> (A, 8 B) uint8."""
    pairs = words.contiguous().view(torch.uint8)  # (A, 4 B)
    return torch.stack((pairs & LARGEST, pairs >> 4), -1).flatten(1)


def _kernel_group(group_of: torch.Tensor) -> int | None:
    """Return the largest group of the kernels' that never straddles two groups of the sorted columns."""
    for size in KERNEL_GROUPS:
        if len(group_of) % size == 0:
            runs = group_of.view(-1, size)
            if bool((runs == runs[:, :1]).all()):
                return size
    return None
