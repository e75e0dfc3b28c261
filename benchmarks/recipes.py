"""What people run today to check and count a chat file, and a file to run it on. usage: recipes.py NAME FILE [ROWS]

naive: json, shape checks and tiktoken on every value. check_file: the together SDK's own structural check. limit-fast:
nothing but counting, by the fastest exact tokenizer. corpus: writes ROWS rows made of the sentences in samples/.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"


def naive(path: str) -> None:
    import tiktoken

    encoding = tiktoken.get_encoding("o200k_base")
    tokens = errors = 0
    with Path(path).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        roles = [message.get("role") for message in row["messages"]]
        errors += "assistant" not in roles or not all(message.get("content") for message in row["messages"])
        tokens += 3
        for message in row["messages"]:
            tokens += 3 + sum(len(encoding.encode(value)) for value in message.values())
    print(len(rows), errors, tokens)


def check_file(path: str) -> None:
    from together.lib.utils.files import check_file as check

    print(check(Path(path))["is_check_passed"])


def limit_fast(path: str) -> None:
    import quicktok

    encoding, tokens = quicktok.get_encoding("o200k_base"), 0
    texts: list[str] = []
    with Path(path).open("rb") as lines:
        for line in lines:
            texts += [message["content"] for message in json.loads(line)["messages"]]
            if len(texts) > 50_000:
                tokens += int(quicktok.count_batch(encoding, texts).sum())
                texts = []
    print(tokens + (int(quicktok.count_batch(encoding, texts).sum()) if texts else 0))


def corpus(path: str, rows: int) -> None:
    dice = random.Random(7)
    with (SAMPLES / "support_tickets.csv").open(encoding="utf-8", newline="") as file:
        tickets = [(row["message"], row["queue"]) for row in csv.DictReader(file)]
    kept: list[str] = []
    with Path(path).open("w", encoding="utf-8") as out:
        for _ in range(rows):
            if kept and dice.random() < 0.06:
                out.write(dice.choice(kept))
                continue
            chosen = dice.sample(tickets, dice.randint(2, 5))
            turns = [
                ("system", "Name the category of each message."),
                ("user", " ".join(message for message, _ in chosen)),
                ("assistant", "; ".join(category for _, category in chosen)),
            ]
            line = json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}) + "\n"
            out.write(line)
            if len(kept) < 10_000:
                kept.append(line)


if __name__ == "__main__":
    name, file, *rest = sys.argv[1:]
    if name == "corpus":
        corpus(file, int(rest[0]))
    else:
        {"naive": naive, "check_file": check_file, "limit-fast": limit_fast}[name](file)
