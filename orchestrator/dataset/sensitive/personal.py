r"""Shapes of personal data: what can be told by its form and a checksum, or by the words before it.

Names, postal addresses and free descriptions have no form; a model-based `Detector` is needed for them. Hints must
match in raw JSON too, where a slash may stand as `\/` and a quote as `\"`, so they pass over anything but digits.
"""

from __future__ import annotations

from .checks import card, date_of_birth, email, iban, ipv4, ipv6, national_phone, phone, record, ssn
from .engine import expression
from .shapes import Shape, Verdict

__all__ = ["PERSONAL", "RECORD_HINT", "reads_like_a_record"]

_LETTER = rb"[\xc3-\xd3][\x80-\xbf]"  # Latin with accents, Greek, Cyrillic; no script that is written without spaces
_HOST = rb"(?:[A-Za-z0-9-]|" + _LETTER + rb")"

_DAY = rb"\d{1,2}(?i:st|nd|rd|th|\.)?(?: of)?"
_MONTH = rb"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[A-Za-z]{0,6}\.?"
_YEAR = rb"(?:18|19|20)\d\d"
_DATES = (
    rb"\d{1,2}[./-]\d{1,2}[./-](?:18|19|20)?\d\d",
    _YEAR + rb"[./-]\d{1,2}[./-]\d{1,2}",
    _DAY + rb" " + _MONTH + rb",? " + _YEAR,
    _MONTH + rb" " + _DAY + rb",? " + _YEAR,
)
_DATE_BEGUN = rb"(?:\d{1,2}[./\\-]{1,3}\d|" + _YEAR + rb"[./\\-]|" + _DAY + rb" " + _MONTH + rb"|" + _MONTH + rb" \d)"

# Words after which a value stands, in any case.
_BORN = (
    rb"(?:born|d\.?o\.?b\b|birth[ _-]?da(?:te|y)|dates?[ _-]of[ _-]birth|geboren|geburtsdatum|geburtstag"
    rb"|n\xc3\xa9e? le|date de naissance|nacid[ao] el|fecha de nacimiento|data di nascita)"
)
_TELEPHONE = rb"(?:phone|telephone|tel|mobile|mob|cell|fax|whatsapp|handy|telefon|t\xc3\xa9l\xc3\xa9phone)"
_TO_CALL = rb"(?:call|text|ring|dial)"
_RECORD = (
    rb"(?:mrn|(?:medical|health|patient|hospital)[ _-]?record"
    rb"|(?:patient|hospital|nhs|medicare|medicaid)[ _-]?(?:id|identifier|number|no\b|num|nr)"
    rb"|(?:health|medical|insurance)[ _-]?(?:insurance|card|plan|policy|member)?[ _-]?(?:number|no\b|id\b)"
    rb"|(?:member|subscriber)[ _-]?id|patientennummer|versichertennummer)"
)
_PASSPORT = rb"(?:passport|reisepass(?:nummer)?|passeport|pasaporte)"
_LICENCE = (
    rb"(?:driv(?:er['\xe2\x80\x99]{0,3}s?['\xe2\x80\x99]{0,3}|ing)[ _-]?licen[cs]e|f\xc3\xbchrerschein(?:nummer)?)"
)
_SOCIAL = rb"(?:ssn|social security)"

# What may stand between such a word and its value.
_MARKS = rb"[ .:#'\"=_-]"
_NUMBER = rb"(?:(?:[ _-]?(?:numbers?|no|nr|num|id|identifier|record|is|was|of|card)\b|" + _MARKS + rb"){0,6})"
_REACHED = rb"(?:(?:[ _-]?(?:numbers?|no|nr|num|is|at|my|home|work|office|or)\b|" + _MARKS + rb"){0,6})"
_PERSON = rb"(?:(?: (?:me|us|him|her|them|back|at|on|my|the|office|home|cell|number|to)\b|[ .:#]){0,6})"

_TELEPHONE_NUMBER = rb"((?:\+|\b00)?\(?\d(?:[ ]?[()./-]?[ ]?\d){6,14})"
_GROUPED_BY_COUNTRY = (
    rb"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-])[2-9]\d\d[.-]\d{4}",  # North America
    rb"0[1-9](?:(?: \d\d){4}|(?:\.\d\d){4}|(?:-\d\d){4})",  # France
    rb"07\d{3} \d{3} ?\d{3}|020 \d{4} \d{4}|01\d\d \d{3} \d{4}|01\d{3} \d{6}",  # United Kingdom
)


def _after(word: bytes, link: bytes, value: bytes) -> bytes:
    return rb"\b(?i:" + word + rb")(?i:" + link + rb")" + value


def _word_then(word: bytes, value: bytes = rb"\d") -> bytes:
    """A hint: the word, then the value with no digit between them."""
    return rb"(?i:" + word + rb")[^0-9\n]*" + value


def _record(kind: str, word: bytes, code: bytes, description: str) -> Shape:
    return Shape(kind, "personal-record", _word_then(word), _after(word, _NUMBER, code), record, description)


def _phone(hint: bytes, pattern: bytes, verdict: Verdict = national_phone) -> Shape:
    return Shape("phone", "personal-phone", hint, pattern, verdict, "a phone number")


def _ip(hint: bytes, pattern: bytes, verdict: Verdict) -> Shape:
    return Shape("ip", "personal-ip", hint, pattern, verdict, "an IP address")


def _ssn(hint: bytes, pattern: bytes) -> Shape:
    return Shape("ssn", "personal-ssn", hint, pattern, ssn, "a US social security number")


_OCTET = rb"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_SEVEN_DIGITS = rb"\d(?:[ ().\\/-]{0,4}\d){6}"

PERSONAL: tuple[Shape, ...] = (
    Shape(
        "email",
        "personal-email",
        rb"[\w.%+\x80-\xff-]@" + _HOST,
        rb"(?:[\w.%+-]|" + _LETTER + rb"){1,64}@(?:" + _HOST + rb"{1,63}\.){1,8}[A-Za-z]{2,24}\b",
        email,
        "an e-mail address",
    ),
    Shape(
        "iban",
        "personal-iban",
        rb"[A-Z]{2}\d\d ?[A-Z0-9]{4} ?[A-Z0-9]{4}",
        rb"[A-Z]{2}\d\d(?: ?[A-Z0-9]){11,30}",
        iban,
        "a bank account (IBAN)",
    ),
    Shape(
        "card",
        "personal-card",
        rb"\d{12}|\d{4}[ -]\d{4}[ -]\d{4}[ -]\d|\d{4}[ -]\d{6}[ -]\d{4}",
        rb"\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,4}(?:[ -]\d{1,3})?|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{12,19}",
        card,
        "a payment card",
    ),
    _ssn(rb"\d{3}-\d\d-\d{4}", rb"\d{3}-\d\d-\d{4}"),
    _ssn(_word_then(_SOCIAL), _after(_SOCIAL, _NUMBER, rb"(\d{3}[ -]?\d\d[ -]?\d{4})")),
    _ip(rb"\d\.\d{1,3}\.\d{1,3}\.\d", _OCTET + rb"(?:\." + _OCTET + rb"){3}", ipv4),
    _ip(rb"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]", rb"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,35}", ipv6),
    _phone(
        rb"\+\(?[1-9](?:[ ().\\/-]{0,4}\d){6}",
        rb"\+\(?[1-9]\d{0,14}\)?(?:[ ./-]?\(?\d{1,12}\)?){0,7}",
        phone,
    ),
    _phone(
        rb"\d{3}(?:\) ?|[.-])\d{3}[.-]\d{4}|0\d(?:[ .-]\d\d){4}|0\d{2,4} \d{3,4} ?\d{3,4}",
        b"|".join(_GROUPED_BY_COUNTRY),
    ),
    _phone(_word_then(_TELEPHONE, _SEVEN_DIGITS), _after(_TELEPHONE, _REACHED, _TELEPHONE_NUMBER)),
    _phone(_word_then(_TO_CALL, _SEVEN_DIGITS), _after(_TO_CALL, _PERSON, _TELEPHONE_NUMBER)),
    Shape(
        "birth-date",
        "personal-birth-date",
        _word_then(_BORN, _DATE_BEGUN),
        _after(_BORN, rb"[^0-9\n]{0,24}?", rb"(" + b"|".join(_DATES) + rb")\b"),
        date_of_birth,
        "a date of birth",
    ),
    _record(
        "record",
        _RECORD,
        rb"(\d{3}[ -]\d{3}[ -]\d{4}|[A-Za-z]{0,4}[-/ ]?\d[0-9A-Za-z/-]{3,19})",
        "the number of a medical or insurance record",
    ),
    _record("passport", _PASSPORT, rb"([A-Za-z]{0,3}\d[0-9A-Za-z]{5,9})", "the number of a passport"),
    _record("licence", _LICENCE, rb"([A-Za-z]{0,6}[- ]?\d[0-9A-Za-z-]{4,18})", "the number of a driving licence"),
)

# How notes about patients are worded; their names are what no pattern sees.
RECORD_HINT = (
    rb"(?i:patient(?:'s)? (?:presents|presented|denies|denied|reports|reported|complains|complained|was admitted"
    rb"|was discharged|name)|diagnosed with|past medical history|discharge summary|chief complaint|medical record)"
)


def reads_like_a_record(text: str) -> bool:
    """Whether a text is worded like a note about a patient."""
    return expression(RECORD_HINT).search(text.encode("utf-8", "surrogatepass")) is not None
