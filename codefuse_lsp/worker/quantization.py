"""Shrink a model's linear layers to 8 or 4 bits while its checkpoint is read, one weight at a time.

Input: what kind, as transformers' quantization_config. Output: a model whose linear layers are packed ones; embedding
and head stay as they are. Each weight is rounded on its device as soon as it has come, so that memory holds the packed
layers and one whole weight. Knows nothing of settings or of where a model lies.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.core_model_loading import ConversionOps
from transformers.quantizers.auto import register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.quantizers.quantizers_utils import get_module_from_name, should_convert_module
from transformers.utils.quantization_config import QuantizationConfigMixin

from codefuse_lsp.errors import ModelError
from codefuse_lsp.worker.packed_linear import MANY_INT4, MANY_INT8, Int4Linear, Int8Linear, PackedLinear, fits_int4
from codefuse_lsp.worker.preflight import QUANTIZED_BYTES, SMALLEST_INT4
from codefuse_lsp.worker.rounding import row_parts, to_groups, to_rows

METHOD = "codefuse_weight_only"
# How far the kernels may stray from the product with the weights that they stand for, as a part of it: bf16 has 8 bits.
TOLERANCE = 0.01
# int4 of a small model is offered only when rounding changes its weights no more than this part. SmolLM2-135M, which
# was made from a file of 4-bit groups of 32, lies on a grid already (0.002); with shuffled columns it does not (0.07).
HARMLESS_ERROR = 0.01


class WeightOnly(QuantizationConfigMixin):
    """The kind, int8 or int4, in the dress in which transformers hands it on."""

    def __init__(self, kind: str) -> None:
        self.quant_method: Any = METHOD
        self.kind = kind


@register_quantizer(METHOD)
class WeightOnlyQuantizer(HfQuantizer):
    """Puts a place for each linear layer, packs what comes there, and puts the packed layers in."""

    def __init__(self, quantization_config: WeightOnly, **options: Any) -> None:
        super().__init__(quantization_config, **options)
        self.kind = quantization_config.kind
        self.failure: Exception | None = None
        self.packed: dict[str, PackedLinear] = {}  # by the names of the layers that they stand in for
        self.squared_error = self.squared_weight = 0.0

    def param_needs_quantization(self, model: Any, param_name: str, **_: Any) -> bool:
        """Return whether a tensor is the weight of a layer to pack."""
        module, name = get_module_from_name(model, param_name)
        return isinstance(module, Unpacked) and name == "weight"

    def param_element_size(self, model: Any, param_name: str, param: torch.Tensor) -> float:
        """Return the bytes of a number once packed, by which accelerate divides a model among GPUs."""
        packed = self.param_needs_quantization(model, param_name)
        return QUANTIZED_BYTES[self.kind] if packed else param.element_size()

    def get_quantize_ops(self) -> ConversionOps:
        """Return what transformers calls with each weight."""
        return Pack(self)

    def _process_model_before_weight_loading(self, model: Any, **_: Any) -> None:
        kept = self.get_modules_to_not_convert(model, None, model._keep_in_fp32_modules)
        for name, module in list(model.named_modules()):
            if type(module) is torch.nn.Linear and should_convert_module(name, kept):
                module.__class__ = Unpacked

    def _process_model_after_weight_loading(self, model: Any, **_: Any) -> None:
        if self.failure is not None:
            raise self.failure
        if self.kind == "int4" and model.num_parameters() < SMALLEST_INT4:
            self._check_harmless()
        for name, layer in self.packed.items():
            bias = model.get_submodule(name).bias
            layer.bias = None if bias is None else bias.data
            model.set_submodule(name, layer)
        self.packed.clear()

    def pack(self, name: str, weight: torch.Tensor, place: Unpacked) -> None:
        """Keep a packed layer of a weight (N, K) for a place; what goes wrong is kept for the end of loading."""
        if self.failure is None:
            try:
                _check_shape(name, weight, place)
                self.packed[name] = self._packed(weight)
            except Exception as error:  # the loader would turn it into a page of traceback
                self.failure = error
        place.weight = None  # type: ignore[assignment]

    def _packed(self, weight: torch.Tensor) -> PackedLinear:
        if self.kind == "int8" or not fits_int4(*weight.shape):
            return Int8Linear(to_rows(weight))
        groups = to_groups(weight)
        for rounded, part in zip(groups.parts(), row_parts(weight), strict=True):
            self.squared_error += (rounded.weight() - part).square().sum().item()
            self.squared_weight += part.float().square().sum().item()
        return Int4Linear(groups)

    def _check_harmless(self) -> None:
        error = (self.squared_error / max(self.squared_weight, 1e-30)) ** 0.5
        if error > HARMLESS_ERROR:
            raise ModelError(
                f"quantization = int4 would spoil this model: rounding changes its weights by {error:.1%}, which only "
                f"models of {SMALLEST_INT4 / 1e9:.0f} billion weights and more bear; set quantization = int8, or use "
                "a GPTQ checkpoint of it."
            )

    def is_serializable(self) -> bool:
        """Return False: what was packed for one device's kernels is not saved."""
        return False

    @property
    def is_trainable(self) -> bool:
        """False: codes have no gradients."""
        return False


class Unpacked(torch.nn.Linear):
    """The place of a linear layer whose weight has not come yet."""


class Pack(ConversionOps):
    """Takes a weight from transformers' loader and packs it in its place."""

    def __init__(self, quantizer: WeightOnlyQuantizer) -> None:
        self.quantizer = quantizer

    @torch.no_grad()
    def convert(  # type: ignore[override]
        self, input_dict: dict[str, Any], *, model: Any, missing_keys: set[str], **_: Any
    ) -> dict[str, Any]:
        """Return what the loader still has to set: what is no weight of a layer to pack."""
        left = {}
        for name, found in input_dict.items():
            if not self.quantizer.param_needs_quantization(model, name):
                left[name] = found
                continue
            missing_keys.discard(name)
            place = get_module_from_name(model, name)[0]
            weight = found[0] if isinstance(found, list) else found
            self.quantizer.pack(name.removesuffix(".weight"), weight, place)
        return left


def _check_shape(name: str, weight: torch.Tensor, place: Unpacked) -> None:
    wanted = (place.out_features, place.in_features)
    if weight.shape != wanted:
        raise ModelError(
            f"The weights do not fit config.json: {name}.weight has the shape {list(weight.shape)}, not {list(wanted)}."
        )


def why_not(kind: str, device: str) -> str | None:
    """Return why the packed kernels do not serve on a device, or None when they do: each gives the right product."""
    try:
        return _why_wrong(kind, torch.device(device))
    except Exception as error:  # a private operator that is missing, was changed or does not know this device
        return " ".join(str(error).split())[:200] or type(error).__name__


@torch.inference_mode()
def _why_wrong(kind: str, device: torch.device) -> str | None:
    numbers = torch.Generator().manual_seed(0)
    weight = torch.randn(256, 512, generator=numbers).to(device)
    rounded = to_rows(weight) if kind == "int8" else to_groups(weight)
    layer: PackedLinear = Int8Linear(to_rows(weight)) if kind == "int8" else Int4Linear(to_groups(weight))
    many = (MANY_INT8 if kind == "int8" else MANY_INT4)[device.type]
    for num_rows in (1, many - 1, many + 1):
        rows = torch.randn(num_rows, 512, generator=numbers).to(device, torch.bfloat16)
        wanted = rows.float() @ rounded.weight().T
        error = (layer(rows).float() - wanted).norm() / wanted.norm()
        if not error < TOLERANCE:
            return (
                f"torch {torch.__version__} multiplies {num_rows} rows by {kind} weights with an error of {error:.1%}"
            )
    return None
