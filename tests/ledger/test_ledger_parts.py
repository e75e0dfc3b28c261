"""Unfinished uploads are remembered by account and content, and never mixed with another one of the same bytes."""

from __future__ import annotations

from typing import Any

from providers.parts import BegunUpload, SentPart

KEY, OTHER = ("p", "here", "a" * 64), ("p", "there", "a" * 64)


def test_parts_are_known_by_their_upload(ledger: Any, now: Any) -> None:
    begun = BegunUpload(id="u1", part_bytes=7, note="file-1", secret="signed")
    ledger.parts.begin(KEY, begun, now)
    ledger.parts.add(KEY, "u1", SentPart(2, "e2", 7), now)
    ledger.parts.add(KEY, "u1", SentPart(1, "e1", 7), now)
    ledger.parts.add(KEY, "u1", SentPart(2, "again", 7), now)
    assert ledger.parts.begun(KEY) == BegunUpload(id="u1", part_bytes=7, note="file-1")
    assert ledger.parts.sent(KEY, "u1") == (SentPart(1, "e1", 7), SentPart(2, "again", 7))
    assert (ledger.parts.begun(OTHER), ledger.parts.sent(KEY, "u2")) == (None, ())


def test_a_new_upload_forgets_the_parts_of_the_one_before(ledger: Any, now: Any) -> None:
    ledger.parts.begin(KEY, BegunUpload(id="u1", part_bytes=7), now)
    ledger.parts.add(KEY, "u1", SentPart(1, "e1", 7), now)
    ledger.parts.begin(KEY, BegunUpload(id="u2", part_bytes=9), now)
    assert (ledger.parts.sent(KEY, "u1"), ledger.parts.sent(KEY, "u2")) == ((), ())
    ledger.parts.close(KEY)
    assert ledger.parts.begun(KEY) is None
