"""Whether a candidate for personal data can be one: checksums, assigned ranges, neighbours. Pure functions of bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from ipaddress import IPv4Address, IPv6Address

from .shapes import Extent

__all__ = ["card", "date_of_birth", "email", "iban", "ipv4", "ipv6", "national_phone", "phone", "record", "ssn"]

_WORD = re.compile(rb"[0-9A-Za-z_]")
_LOCAL = re.compile(rb"[\w.%+-]")
_DIGITS = re.compile(rb"\D+")

# Letters and digits of an IBAN by country: SWIFT IBAN registry (https://www.swift.com/standards/data-standards/iban),
# release 99 of 2024-12.
# fmt: off
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}
# fmt: on

# Calling codes that are assigned (ITU-T E.164 list, https://www.itu.int/pub/T-SP-E.164D, as of 2016-11-15 and since).
_CALLING_CODE = re.compile(
    rb"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    rb"|2[1-6]\d|29[0178]|3[578]\d|42[013]|50\d|59\d|67\d|68\d|69[0-2]|85[02356]|88[0368]|96\d|97\d|99[2-68]"
)
_NORTH_AMERICAN = re.compile(rb"1?[2-9]\d\d[2-9]\d{6}")

# Ends of what looks like an address of mail but names a file.
_FILE_ENDINGS = re.compile(rb"(?i:png|jpe?g|gif|svg|webp|bmp|ico|[jt]s|css|py|txt|json|html|pdf|md|xml|csv|ya?ml)")
# Accounts of machines: nobody's address.
_MACHINES = frozenset({b"git", b"hg", b"svn"})

_FORMAT_OF_DATE = re.compile(rb"(?:19|20)\d\d([./-])\d\d?\1\d\d?|\d\d?([./-])\d\d?\2(?:19|20)\d\d")
_PUBLIC_RESOLVERS = frozenset({"1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9"})
_NUMBERED = re.compile(rb"(?i:version|release|section|chapter|clause|paragraph|build|firmware|oid)[ :#.=v\"']{0,4}$")
_JOINTS = b" ./-()"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TWO_DIGIT_YEAR = 100


def card(data: bytes, at: Extent) -> Extent | None:
    """A payment card: a length and prefix that is issued, and the check digit of Luhn (ISO/IEC 7812-1)."""
    return next((part for part in _shortened(data, at) if _is_card(data, part)), None)


def _is_card(data: bytes, at: Extent) -> bool:
    digits = _digits(data, at)
    return _is_issued(digits) and _luhn(digits) and _stands_alone(data, at)


def _is_issued(digits: bytes) -> bool:
    """Prefixes and lengths of the schemes, as their own integration guides give them (2026-11)."""
    size, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    return (
        (digits[:1] == b"4" and size in (13, 16, 19))
        or (size == 16 and (51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204))
        or (size == 15 and two in (34, 37))
        or (16 <= size <= 19 and (four == 6011 or 644 <= three <= 649 or two in (65, 62) or 3528 <= four <= 3589))
        or (size == 14 and (two in (36, 38, 39) or 300 <= three <= 305))
    )


def _luhn(digits: bytes) -> bool:
    total = 0
    for place, byte in enumerate(reversed(digits)):
        digit = byte - 48
        total += digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0 and len(set(digits)) > 1


def iban(data: bytes, at: Extent) -> Extent | None:
    """An IBAN: the length of its country, and the remainder 1 of ISO 7064 MOD 97-10. Words after it are cut off."""
    length = _IBAN_LENGTHS.get(data[at.start : at.start + 2].decode(), 0)
    end = at.start
    for _ in range(length):
        end += data[end : end + 1] == b" "
        end += 1
    value = data[at.start : end].replace(b" ", b"")
    whole = Extent(at.start, end)
    if not length or end > at.end or len(value) != length or not _stands_alone(data, whole):
        return None
    number = int("".join(str(int(character, 36)) for character in (value[4:] + value[:4]).decode()))
    return whole if number % 97 == 1 else None


def ssn(data: bytes, at: Extent) -> Extent | None:
    """A US social security number that can have been issued.

    Area 000, 666 and 900-999, group 00 and serial 0000 never were, nor were two that advertisements printed
    (https://www.ssa.gov/employer/randomization.html).
    """
    digits = _digits(data, at)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    never = area in (b"000", b"666") or area[:1] == b"9" or group == b"00" or serial == b"0000"
    printed = digits in (b"078051120", b"219099999") or data[at.start : at.end] == b"123456789"
    return at if _stands_alone(data, at) and not never and not printed else None


def ipv4(data: bytes, at: Extent) -> Extent | None:
    """An address of the public Internet; numbered sections, versions, networks and public name servers are none."""
    text = data[at.start : at.end].decode()
    before = data[max(0, at.start - 16) : at.start]
    network = text.endswith(".0") and _ties(data[at.end : at.end + 1], data[at.end + 1 : at.end + 2], b"/")
    if network or not _stands_alone(data, at, b".") or _NUMBERED.search(before) or text in _PUBLIC_RESOLVERS:
        return None
    with suppress(ValueError):
        return at if IPv4Address(text).is_global else None
    return None


def ipv6(data: bytes, at: Extent) -> Extent | None:
    """An address of the public Internet (2000::/3, without what is kept for documentation)."""
    end = at.start + len(data[at.start : at.end].rstrip(b":"))
    whole = Extent(at.start, end)
    if not _stands_alone(data, whole, b":"):
        return None
    with suppress(ValueError):
        return whole if IPv6Address(data[at.start : end].decode()).is_global else None
    return None


def email(data: bytes, at: Extent) -> Extent | None:
    """An address of mail whose domain can be one; pictures (`icon@2x.png`) and `git@…` are none."""
    local, _, domain = data[at.start : at.end].rpartition(b"@")
    names_a_file = _FILE_ENDINGS.fullmatch(domain.rpartition(b".")[2])
    wrong = names_a_file or local.lower() in _MACHINES or local.startswith(b".")
    begins_inside = _LOCAL.match(data[at.start - 1 : at.start])
    return None if wrong or begins_inside else at


def phone(data: bytes, at: Extent) -> Extent | None:
    """A number with a calling code that is assigned, 8 to 15 digits (E.164), after no digit or letter."""
    return next((part for part in _shortened(data, at) if _is_phone(data, part)), None)


def _is_phone(data: bytes, at: Extent) -> bool:
    digits = _digits(data, at)
    if not 8 <= len(digits) <= 15 or b"000000" in digits or not _CALLING_CODE.match(digits):
        return False
    return _stands_alone(data, at) and (digits[:1] != b"1" or _NORTH_AMERICAN.fullmatch(digits) is not None)


def national_phone(data: bytes, at: Extent) -> Extent | None:
    """A number as written within its country: 7 to 13 digits, no date, no long run of one digit."""
    return next((part for part in _shortened(data, at) if _is_national(data, part)), None)


def _is_national(data: bytes, at: Extent) -> bool:
    digits = _digits(data, at)
    if not 7 <= len(digits) <= 13 or len(set(digits)) < 3 or b"000000" in digits:
        return False
    return _stands_alone(data, at) and not _FORMAT_OF_DATE.match(data[at.start : at.end])


def _shortened(data: bytes, at: Extent) -> Iterator[Extent]:
    """The candidate, then what is left of it without its last groups of digits: another number may have followed."""
    value = data[at.start : at.end].rstrip(_JOINTS)
    while value.strip(b"+"):
        yield Extent(at.start, at.start + len(value))
        value = value.rstrip(b"0123456789").rstrip(_JOINTS)


def date_of_birth(data: bytes, at: Extent) -> Extent | None:
    """A day that exists, in whatever order it is written, from 1850 to now."""
    value = data[at.start : at.end].decode("latin-1").lower()
    numbers = [int(number) for number in re.findall(r"\d+", value)]
    month = next((place for place, name in enumerate(_MONTHS, 1) if name in value), None)
    orders = [(numbers[-1], month, numbers[0])] if month and len(numbers) == 2 else _orders(numbers)
    return at if any(_is_day(year, month, day) for year, month, day in orders) else None


def _orders(numbers: list[int]) -> list[tuple[int, int, int]]:
    if len(numbers) != 3:
        return []
    first, second, third = numbers
    return [(first, second, third), (third, second, first), (third, first, second)]


def _is_day(year: int, month: int, day: int) -> bool:
    full = year + 1900 if year < _TWO_DIGIT_YEAR else year
    with suppress(ValueError):
        return date(1850, 1, 1) <= date(full, month, day) <= date(2100, 1, 1)
    return False


def record(data: bytes, at: Extent) -> Extent | None:
    """A number under which somebody is on file: at least 4 digits in it, no date."""
    value = data[at.start : at.end]
    wrong = len(_digits(data, at)) < 4 or _FORMAT_OF_DATE.match(value)
    return None if wrong or not _stands_alone(data, at) else at


def _digits(data: bytes, at: Extent) -> bytes:
    return _DIGITS.sub(b"", data[at.start : at.end])


def _stands_alone(data: bytes, at: Extent, joints: bytes = b".,-/:") -> bool:
    """No letter or digit touches it, and no joint ties it to a digit: else it is part of something longer."""
    before, after = data[max(0, at.start - 2) : at.start], data[at.end : at.end + 2]
    if _WORD.match(before[-1:]) or _WORD.match(after[:1]):
        return False
    return not (_ties(before[-1:], before[:1], joints) or _ties(after[:1], after[1:], joints))


def _ties(joint: bytes, beyond: bytes, joints: bytes) -> bool:
    return bool(joint) and joint in joints and beyond.isdigit()
