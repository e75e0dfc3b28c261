"""A base model of two small layers and random weights, with a tokenizer of its own: trained and asked in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["TEMPLATE", "make_tiny_llama"]

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_WORDS = [
    "Answer with one label: lost_card, refund",
    "I think my card is lost once more other 0 1 2 3 4 5 6 7 8 9",
    "please refund my order system user assistant",
    "lost_card refund",
]


def tokenizer(template: str | None = TEMPLATE) -> Any:
    """Byte-level BPE that has read the words of the suite."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(_WORDS * 10, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|im_end|>")
    if template is not None:
        made.chat_template = template
    return made


def make_tiny_llama(folder: Path, template: str | None = TEMPLATE, context: int = 256) -> Path:
    """Writes it into `folder`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = tokenizer(template)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    # An adapter leaves the embeddings as they are: as small as usual at random they could never tell words apart.
    torch.nn.init.normal_(model.get_input_embeddings().weight, std=0.5)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
