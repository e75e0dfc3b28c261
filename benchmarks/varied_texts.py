"""Varied texts by seed, on which a tokenizer is compared with its reference: everything that is known to trip one.

Shared by `counting_tokens.py` and the tests of the tokenizers.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable

_SCRIPTS = (
    (0x0021, 0x007E),
    (0x00A1, 0x024F),
    (0x0370, 0x03FF),
    (0x0400, 0x052F),
    (0x0531, 0x058A),
    (0x0590, 0x05F4),
    (0x0600, 0x06FF),
    (0x0900, 0x097F),
    (0x0B80, 0x0BFF),
    (0x0E01, 0x0E5B),
    (0x0F00, 0x0FDA),
    (0x1000, 0x109F),
    (0x10A0, 0x10FF),
    (0x1200, 0x137C),
    (0x13A0, 0x13F5),
    (0x1E00, 0x1FFE),
    (0x2000, 0x206F),
    (0x2070, 0x24FF),
    (0x2500, 0x27BF),
    (0x3000, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xFB00, 0xFDFF),
    (0xFF00, 0xFFEF),
    (0x1D400, 0x1D7FF),
    (0x20000, 0x20400),
)
_WORDS = (  # noqa: SIM905 - a list of quoted words is harder to read
    "the of and to in is you that it he was for on are as with his they I at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "then them these so some her would make like him into time has look two more write go see number no way could "
    "people my than first water been call who oil its now find long down day did get come made may part naïve "
    "don't I'll WE'RE they've it’s O'Neill rock'n'roll Straße œuvre łódź mañana привет мир данные Ελλάδα 你好 世界 "
    "日本語 テスト 한국어 नमस्ते สวัสดี مرحبا שלום"
).split()
_SPACES = (
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    " \n ",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u200b",
    "\x0b",
    "\x85",
)
_EMOJI = ("😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇺🇸", "❤️", "👍🏽", "☃", "1️⃣", "🧑‍💻", "✅", "→", "🫠")
_CODE = (
    "def f(x: int) -> str:\n    return f'{x!r}'\n",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] * 2; }\n",
    "SELECT id, name FROM users WHERE age >= 21 AND name LIKE 'A%';\n",
    '{"key": [1, 2.5, null, true], "nested": {"a": "line\\nbreak"}}',
    "<div class=\"x\" id='y'>&nbsp;</div><!-- note -->",
    "\t\tif (!ok) {\r\n\t\t\tthrow new Error(`bad ${x}`);\r\n\t\t}\r\n",
    "https://example.com/a/b?c=d&e=%20#frag user@example.org",
    "$ grep -rn 'x' ./src | awk '{print $1}' >> out.txt 2>&1\n",
    "\\begin{equation} \\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2} \\end{equation}",
)
_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "[INST]", "</s>", "<bos>", "<start_of_turn>")


def _script(rng: random.Random) -> str:
    low, high = rng.choice(_SCRIPTS)
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 40)))


def _prose(rng: random.Random) -> str:
    return "".join(
        rng.choice(_WORDS) + rng.choice((" ", " ", " ", ", ", ". ", "\n")) for _ in range(rng.randint(1, 60))
    )


def _cased(rng: random.Random) -> str:
    turns = (str.upper, str.lower, str.title, str.swapcase)
    return " ".join(rng.choice(turns)(rng.choice(_WORDS)) for _ in range(rng.randint(1, 20)))


def _decomposed(rng: random.Random) -> str:
    marks = "".join(chr(rng.randint(0x300, 0x36F)) for _ in range(rng.randint(0, 3)))
    return unicodedata.normalize(rng.choice(("NFD", "NFKD")), _prose(rng) + _script(rng)) + marks


def _spaces(rng: random.Random) -> str:
    return "".join(
        rng.choice(_SPACES) * rng.randint(1, 5) + rng.choice(("", "x", "word", "1")) for _ in range(rng.randint(1, 25))
    )


def _emoji(rng: random.Random) -> str:
    return "".join(rng.choice(_EMOJI) + rng.choice(("", " ", "a", "!")) for _ in range(rng.randint(1, 20)))


def _numbers(rng: random.Random) -> str:
    digits = "0123456789" * 3 + "٣४੫๔５Ⅻ½²①"
    parts = ("".join(rng.choice(digits) for _ in range(rng.randint(1, 14))) for _ in range(rng.randint(1, 15)))
    return rng.choice((" ", ",", ".", "", "-", "/")).join(parts)


def _run(rng: random.Random) -> str:
    piece = rng.choice(("a", "A", "=", "-", "0", " ", "\n", "ab", "é", "你", "😀", "!?", ".", "ह"))
    return piece * rng.randint(20, 400)


def _long_word(rng: random.Random) -> str:
    alphabet = rng.choice(
        ("abcdefghijklmnopqrstuvwxyz", "ACGT", "0123456789abcdef", "абвгдежзиклмнопрст", "やゆよらりるれろ")
    )
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(50, 1500)))


def _code(rng: random.Random) -> str:
    return "".join(rng.choice(_CODE) for _ in range(rng.randint(1, 5)))


def _controls(rng: random.Random) -> str:
    return "".join(
        chr(rng.choice((rng.randint(0, 31), rng.randint(127, 159), 97, 0xFEFF))) for _ in range(rng.randint(1, 30))
    )


def _special(rng: random.Random) -> str:
    return " ".join(rng.choice((*_SPECIALS, *_WORDS)) for _ in range(rng.randint(1, 10)))


_KINDS: tuple[Callable[[random.Random], str], ...] = (
    _script,
    _prose,
    _cased,
    _decomposed,
    _spaces,
    _emoji,
    _numbers,
    _run,
    _long_word,
    _code,
    _controls,
    _special,
)


def _mixed(rng: random.Random) -> str:
    return "".join(rng.choice(_KINDS)(rng)[:80] for _ in range(rng.randint(2, 6)))


def varied_texts(count: int, seed: int = 7) -> list[str]:
    """That many texts, each kind in turn, the same for the same seed; the first is empty. No half surrogate pairs."""
    rng = random.Random(seed)
    kinds = (*_KINDS, _mixed, _mixed)
    return ["", *(kinds[number % len(kinds)](rng) for number in range(count - 1))]
