"""Loads and saves weights with transformers and PEFT: a base, an adapter on it, either of them in 4 bits."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .order import TrainingOrder, card_of

__all__ = ["Loaded", "NotHere", "context_of", "for_training", "load_tokenizer", "plain_model"]


class NotHere(RuntimeError):
    """This machine, or this installation, cannot do what was ordered; the message is for people."""


class Loaded(NamedTuple):
    """A model to train; `base`: what lies under an adapter of it; `adapted`: it carries one to go on with already."""

    model: Any
    base: str
    adapted: bool


def load_tokenizer(source: str) -> Any:
    """Of a base, or of an artefact of ours, which carries its own copy."""
    return AutoTokenizer.from_pretrained(source)


def context_of(model: Any) -> int | None:
    """The most tokens that the model was made to read, by its own configuration."""
    config = model.config.get_text_config()
    return getattr(config, "max_position_embeddings", None)


def for_training(order: TrainingOrder) -> Loaded:
    """The model as it is to be trained. Raises `NotHere` for 4 bits without CUDA or bitsandbytes."""
    base, adapter = _base_and_adapter(order)
    if order.quantised:
        model = AutoModelForCausalLM.from_pretrained(base, quantization_config=_four_bits(), device_map={"": 0})
    else:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=_dtype(order))
    if adapter is None:
        return Loaded(model, base, adapted=False)
    from peft import PeftModel

    if order.adapter:
        return Loaded(PeftModel.from_pretrained(model, adapter, is_trainable=True), base, adapted=True)
    return Loaded(PeftModel.from_pretrained(model, adapter).merge_and_unload(), base, adapted=False)


def _base_and_adapter(order: TrainingOrder) -> tuple[str, str | None]:
    """Weights of ours are an adapter for the base, or a whole model."""
    card = card_of(order.continues) if order.continues else None
    if card is None:
        return order.source, None
    return (order.source, None) if card.base is None else (card.base, order.source)


def plain_model(base: str) -> Any:
    """A base to answer questions: on the GPU in the precision that it was saved in, else in 32 bits.

    Most CPUs only imitate 16 bits: 1.5 against 7 GFLOP/s on two cores with AVX2 (torch 2.13, measured 2026-11-26).
    """
    gpu = torch.cuda.is_available()
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto" if gpu else torch.float32)
    return model.to("cuda" if gpu else "cpu").eval()


def _dtype(order: TrainingOrder) -> Any:
    """A whole model is trained in 32 bits; under an adapter the base is only read, in 16 where the GPU computes so."""
    if order.adapter and torch.cuda.is_available() and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float32


def _four_bits() -> Any:
    if not torch.cuda.is_available():
        raise NotHere("qlora holds the base in 4 bits, which needs a CUDA GPU, and this machine shows none to PyTorch")
    from importlib.util import find_spec

    if find_spec("bitsandbytes") is None:
        raise NotHere("qlora needs the package bitsandbytes: pip install bitsandbytes")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16,
    )
