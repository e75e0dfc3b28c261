"""Personal data: what is found, which look-alikes are not, and that the first look misses no line."""

from __future__ import annotations

import json
import string
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dataset.row_rules import row_problems
from orchestrator.dataset.rules import RULES
from orchestrator.dataset.sensitive import Detector, Patterns, Span, find, find_with, suspects
from providers.records import Example, Message

# What stands there → the kind that must be found, and the text that must be it.
TRUE = [
    ("write to jane.doe@example.com today", "email", "jane.doe@example.com"),
    ("<j+news@mail.co.uk>", "email", "j+news@mail.co.uk"),
    ("mailto:o_brien@sub.dom.org?subject=x", "email", "o_brien@sub.dom.org"),
    ("JANE@EXAMPLE.ORG", "email", "JANE@EXAMPLE.ORG"),
    ("an jürgen.müller@straße.de bitte", "email", "jürgen.müller@straße.de"),
    ("邮箱jane@mail.net。", "email", "jane@mail.net"),
    ("a@b.io", "email", "a@b.io"),
    ("x@mail.net,y@mail.net", "email", "y@mail.net"),
    ("иван@почта.com", "email", "иван@почта.com"),
    ("ring +1 415 555 2671 now", "phone", "+1 415 555 2671"),
    ("(+1) 415-555-2671", "phone", "+1) 415-555-2671"),
    ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
    ("+44 (0) 20 7946 0958", "phone", "+44 (0) 20 7946 0958"),
    ("tel:+4915123456789", "phone", "+4915123456789"),
    ("+33 1 42 68 53 00", "phone", "+33 1 42 68 53 00"),
    ("+81-3-1234-5678", "phone", "+81-3-1234-5678"),
    ("+91 98765 43210", "phone", "+91 98765 43210"),
    ("+351912345678", "phone", "+351912345678"),
    ("(415) 555-2671", "phone", "(415) 555-2671"),
    ("415-555-2671.", "phone", "415-555-2671"),
    ("415.555.2671", "phone", "415.555.2671"),
    ("1-800-555-2671", "phone", "1-800-555-2671"),
    ("06 12 34 56 78", "phone", "06 12 34 56 78"),
    ("07911 123456 is mine, call 07911 123456", "phone", "07911 123456"),
    ("020 7946 0958", "phone", "020 7946 0958"),
    ("my phone number is 4155552671", "phone", "4155552671"),
    ("Tel.: 030 12345678", "phone", "030 12345678"),
    ("mobile 0171/2345678", "phone", "0171/2345678"),
    ("call me at 555-2671", "phone", "555-2671"),
    ('{"phone": "415 555 2671"}', "phone", "415 555 2671"),
    ("fax 0049 30 1234567", "phone", "0049 30 1234567"),
    ("IBAN DE89 3704 0044 0532 0130 00 please", "iban", "DE89 3704 0044 0532 0130 00"),
    ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
    ("FR14 2004 1010 0505 0001 3M02 606", "iban", "FR14 2004 1010 0505 0001 3M02 606"),
    ("NL91ABNA0417164300, and", "iban", "NL91ABNA0417164300"),
    ("NO9386011117947", "iban", "NO9386011117947"),
    ("BE68 5390 0754 7034 BANK", "iban", "BE68 5390 0754 7034"),
    ("CH93 0076 2011 6238 5295 7", "iban", "CH93 0076 2011 6238 5295 7"),
    ("pay with 4111 1111 1111 1111", "card", "4111 1111 1111 1111"),
    ("4111-1111-1111-1111", "card", "4111-1111-1111-1111"),
    ("4242424242424242", "card", "4242424242424242"),
    ("5555 5555 5555 4444 12/27", "card", "5555 5555 5555 4444"),
    ("378282246310005", "card", "378282246310005"),
    ("3782 822463 10005", "card", "3782 822463 10005"),
    ("6011111111111117", "card", "6011111111111117"),
    ("3530111333300000", "card", "3530111333300000"),
    ("2223003122003222", "card", "2223003122003222"),
    ("30569309025904", "card", "30569309025904"),
    ("4111 1111 1111 1111 123", "card", "4111 1111 1111 1111"),
    ("her number 536-22-8765", "ssn", "536-22-8765"),
    ("SSN: 536228765", "ssn", "536228765"),
    ("social security number 536 22 8765", "ssn", "536 22 8765"),
    ("from 93.184.216.34", "ip", "93.184.216.34"),
    ("http://93.184.216.34:8080/", "ip", "93.184.216.34"),
    ("[2606:4700:10::6816:826]", "ip", "2606:4700:10::6816:826"),
    ("2a00:1450:4001:81b::200e/64", "ip", "2a00:1450:4001:81b::200e"),
    ("born 1987-03-04", "birth-date", "1987-03-04"),
    ("DOB: 03/04/1987", "birth-date", "03/04/1987"),
    ("D.O.B. 4.3.87", "birth-date", "4.3.87"),
    ("date of birth: 4 March 1987", "birth-date", "4 March 1987"),
    ("she was born in Paris on March 4th, 1987", "birth-date", "March 4th, 1987"),
    ("geboren am 04.03.1987 in Köln", "birth-date", "04.03.1987"),
    ('{"date_of_birth": "1987-03-04"}', "birth-date", "1987-03-04"),
    ("né le 04/03/1987", "birth-date", "04/03/1987"),
    ("MRN 00123456", "record", "00123456"),
    ("MRN: A-1234567", "record", "A-1234567"),
    ("medical record number is 778812", "record", "778812"),
    ("Patient ID: P00912", "record", "P00912"),
    ('{"patient_id": 4471123}', "record", "4471123"),
    ("NHS number 943 476 5919", "record", "943 476 5919"),
    ("member ID XK-4471123", "record", "XK-4471123"),
    ("passport no. L01234567", "passport", "L01234567"),
    ("Reisepass C01X00T47", "passport", "C01X00T47"),
    ("driver's license D1234567", "licence", "D1234567"),
    ("driving licence MORGA657054SM9IJ", "licence", "MORGA657054SM9IJ"),
]

LOOK_ALIKES = [
    "order 4155552671", "order #112-7654321-7654321", "invoice 2024-000123", "on 2024-01-15 at 10:30",
    "04/03/1987", "03.04.1987", "version 1.2.3.4", "v10.0.19041.1", "section 3.2.1.4", "OID 1.3.6.1.4.1.311",
    "$1,234,567.89", "costs 1234567 dollars", "1 000 000 000", "123 456 789", "1234 5678", "12345678",
    "550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709", "ISBN 978-3-16-148410-0", "ISBN-10 0-306-40615-2",
    "EAN 4006381333931", "4111 1111 1111 1112", "1234 5678 9012 3456", "0000 0000 0000 0000", "1700000000000",
    "1700000000123456789", "192.168.1.1", "10.0.0.1", "127.0.0.1:8080", "192.0.2.44", "203.0.113.5", "8.8.8.8",
    "2001:db8::1", "fe80::1", "::1", "12:30:45", "std::string", "2024:10:05", "GB82 WEST 1234 5698 7654 33",
    "DE00 0000 0000 0000 0000 00", "AB12 CDEF 3456 GHIJ", "000-12-3456", "666-12-3456", "900-12-3456", "536-00-8765",
    "536-22-0000", "078-05-1120", "12-345-6789", "+0200", "UTC+1", "2 + 3 = 5", "<<15600000+1200000=16800000>>",
    "x+4912345678", "4000 - 920 - 520 - 400 = 2160", "icon@2x.png", "git@github.com:a/b.git", "@property", "user@host",
    "a @ b.com", "foo@bar", "react@18.2.0", "born in 1987 in Paris", "born yesterday", "birthday party for 12 people",
    "passport control", "the patient is 54", "patient number two", "driver's license since 2010", "call 3 times",
    "call of duty 4", "text 2024-01-15", "phone costs $3000 / 200", "iPhone 15 Pro Max 256", "0.4111111111111111",
    "tracking 1Z999AA10123456784", "lat 48.858370, lon 2.294481", "3.14159265358979", "1e10", "10-K 2023", "RFC 2606",
    "chapter 12.4.1.1", "9780306406157", "+100 000 000", "+30 000 000 000", "score 3-2, 4-1, 5-0",
    "my password is incorrect", "password reset", "the token is invalid", "secret: nothing to see here",
    "sk-learn is a library", "api_key = os.environ['KEY']", "token: {{ token }}",     "34.64.0.0/10",
    "api_key: str = self.admin_api_key_of",
    "AKIA", "hf_hub_download", "key-value", "https://example.com/a?b=c", "SELECT * FROM t WHERE id = 12345",
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "value"), TRUE, ids=[value for *_, value in TRUE])
def test_personal_data_is_found(text: str, kind: str, value: str) -> None:
    assert (kind, value) in [(span.kind, text[span.start : span.end]) for span in find(text)]
    assert all(span.rule in RULES for span in find(text))


def test_look_alikes_are_left_alone() -> None:
    alarms = {text: [span.kind for span in find(text)] for text in LOOK_ALIKES if find(text)}
    assert not alarms


def test_both_tables_are_large_enough_to_mean_something() -> None:
    kinds = Counter(kind for _, kind, _ in TRUE)
    assert (len(TRUE) >= 60, len(LOOK_ALIKES) >= 60) == (True, True)
    assert min(kinds.values()) >= 2


WORDS = st.text(st.sampled_from(string.ascii_letters + ' \n\t"\\é日🙂,;!?'), max_size=40)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@settings(deadline=None)
@given(planted=st.sampled_from(TRUE), before=WORDS, after=WORDS)
def test_a_datum_anywhere_in_a_text_is_found_and_its_line_suspected(
    planted: tuple[str, str, str], before: str, after: str
) -> None:
    text = f"{before}\n {planted[0]} \n{after}"
    assert planted[1] in {span.kind for span in find(text)}
    row = as_json({"messages": [{"role": "user", "content": text}]})
    for raw in (row, row.replace("/", r"\/"), as_json({"a": row})):
        assert suspects(b'{"a": 1}\n' + raw.encode())


@settings(deadline=None)
@given(st.dates(date(1850, 1, 1), date(2026, 1, 1)), st.sampled_from(["%d.%m.%Y", "%Y-%m-%d", "%B %d, %Y", "%d %b %Y"]))
def test_any_day_is_a_date_of_birth_after_the_word(day: date, form: str) -> None:
    written = day.strftime(form)
    text = f"Born: {written}."
    assert [text[span.start : span.end] for span in find(text)] == [written]


def luhn_digit(digits: str) -> str:
    total = sum(int(d) if i % 2 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


@settings(deadline=None)
@given(st.text("0123456789", min_size=14, max_size=14), st.sampled_from(["", " ", "-"]))
def test_any_card_with_a_right_check_digit_is_found_and_with_a_wrong_one_not(digits: str, separator: str) -> None:
    number = "4" + digits
    right = luhn_digit(number)
    written = [separator.join((number + last)[at : at + 4] for at in range(0, 16, 4)) for last in "0123456789"]
    found = [any(span.kind == "card" for span in find(f"card {text}.")) for text in written]
    assert found == [str(last) == right for last in range(10)]


def test_rows_about_patients_say_what_patterns_cannot_see() -> None:
    turns = (Message("user", "Patient presents with chest pain, MRN 00123456"), Message("assistant", "see a doctor"))
    rules = [problem.rule for problem in row_problems(Example(turns))]
    assert rules == ["personal-record", "personal-names"]


def test_ordinary_rows_are_not_called_records_of_people() -> None:
    turns = (Message("user", "Is the patient well? mail a@mail.net"), Message("assistant", "yes"))
    assert [problem.rule for problem in row_problems(Example(turns))] == ["personal-email"]


def test_pictures_within_a_row_are_passed_over() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AKIAIOSFODNN7EXAMPLE"}}
    turns = (Message("user", ({"type": "text", "text": "what?"}, picture)), Message("assistant", "a cat"))
    assert not [problem for problem in row_problems(Example(turns)) if problem.rule == "provider-key"]


def test_a_text_that_merely_begins_with_data_is_looked_at() -> None:
    turns = (Message("user", "data: jane@mail.net"), Message("assistant", "thanks"))
    assert [problem.rule for problem in row_problems(Example(turns))] == ["personal-email"]


PAGE = (Path(__file__).parents[2] / "docs/personal-data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.startswith("personal-")])
def test_the_page_names_every_rule_about_people(rule: str) -> None:
    assert f"`{rule}`" in PAGE


class Names:
    """Stands for a model-based tool: knows one name."""

    name = "names"

    def find(self, text: str) -> list[Span]:
        at = text.find("Jane Doe")
        return [Span(at, at + 8, "name", "personal-names", "Ja… (8 characters)")] if at >= 0 else []


def test_another_detector_finds_beside_ours() -> None:
    detectors: list[Detector] = [Patterns(), Names()]
    assert [span.kind for span in find_with(detectors)("Jane Doe, jane@mail.net")] == ["name", "email"]
