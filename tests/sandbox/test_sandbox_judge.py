"""The sandbox as a judge: fair by itself, with a bias, noise and a preference as they are planted."""

from __future__ import annotations

import json
from typing import Any

import loopback
import openai
import pytest

from providers.sandbox import RunningSandbox, Sandbox

MODEL, FENCE = "gpt-4.1-mini-2025-04-14", "0123456789abcdef"


def section(name: str, text: str) -> str:
    return f"=== BEGIN {name} {FENCE} ===\n{text}\n=== END {name} {FENCE} ==="


def judged(client: openai.OpenAI, number: int = 0, **answers: str) -> Any:
    sections = {"QUESTION": f"question {number}", "REFERENCE": "the parcel arrives on Monday"}
    sections |= {name.replace("_", " "): text for name, text in answers.items()}
    prompt = "\n\n".join(section(name, text) for name, text in sections.items())
    said = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": prompt}])
    return json.loads(said.choices[0].message.content or "")


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ("it arrives on Monday", "no idea", "A"),
        ("no idea", "it arrives on Monday", "B"),
        ("on Monday", "Monday on", "tie"),
    ],
)
def test_by_itself_it_prefers_what_is_nearer_to_the_reference(
    client: openai.OpenAI, first: str, second: str, winner: str
) -> None:
    assert judged(client, ANSWER_A=first, ANSWER_B=second)["winner"] == winner


def test_one_answer_is_scored_from_1_to_5(client: openai.OpenAI) -> None:
    assert judged(client, ANSWER="the parcel arrives on Monday")["score"] == 5
    assert judged(client, ANSWER="no idea")["score"] == 1


def test_a_bias_takes_that_share_of_the_first_places(sandbox: Sandbox, client: openai.OpenAI) -> None:
    sandbox.judge.set(position_bias=0.5)
    winners = [judged(client, n, ANSWER_A="no idea", ANSWER_B="on Monday")["winner"] for n in range(40)]
    assert 10 <= winners.count("A") <= 30
    sandbox.judge.set(position_bias=-1)
    assert judged(client, ANSWER_A="on Monday", ANSWER_B="no idea")["winner"] == "B"


def test_the_same_prompt_is_judged_the_same(sandbox: Sandbox, client: openai.OpenAI) -> None:
    sandbox.judge.set(noise=1.0)
    assert len({str(judged(client, 3, ANSWER_A="x", ANSWER_B="y")) for _ in range(3)}) == 1


def test_it_can_be_made_to_answer_in_no_usable_form(sandbox: Sandbox, client: openai.OpenAI) -> None:
    sandbox.judge.set(unparsable=1.0)
    with pytest.raises(json.JSONDecodeError):
        judged(client, ANSWER_A="x", ANSWER_B="y")


def test_its_temper_is_set_over_http_and_a_wrong_one_is_refused(served: RunningSandbox, sandbox: Sandbox) -> None:
    url = f"{served.url}/_sandbox/judge"
    assert loopback.post(url, json={"prefers": "longer"}).json()["prefers"] == "longer"
    assert loopback.post(url, json={"noise": 2}).status_code == 400
    assert loopback.post(url, json={"mood": 1}).status_code == 400
    assert loopback.delete(url).json() == sandbox.judge.active()
    assert sandbox.judge.active()["prefers"] == "reference"


def test_what_holds_no_answers_is_answered_as_ever(sandbox: Sandbox) -> None:
    assert sandbox.judge.answer([{"role": "user", "content": "=== BEGIN ANSWER but nothing else"}]) is None
