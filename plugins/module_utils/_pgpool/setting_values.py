# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What Pgpool-II makes of a value: a bool, a number in the unit of the setting, a word, a text; or why not."""

from __future__ import annotations

import re

UNITS_SINCE = "4.2"
INT_MAX = 2**31 - 1
INCLUDE_SINCE = "4.3"

_UNITS = {
    "ms": {"us": 0.001, "ms": 1, "s": 1000, "min": 60000, "h": 3600000, "d": 86400000},
    "s": {"us": 0.000001, "ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400},
    "min": {"us": 1 / 60000000, "ms": 1 / 60000, "s": 1 / 60, "min": 1, "h": 60, "d": 1440},
    "B": {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4},
    "kB": {"B": 1 / 1024, "kB": 1, "MB": 1024, "GB": 1024**2, "TB": 1024**3},
}
_NUMBER = re.compile(
    r"(?P<number>[-+]?(0x[0-9a-fA-F]+|[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+))\s*(?P<unit>[A-Za-z]*)$"
)


class WrongValue(ValueError):
    """The value is not one that Pgpool-II would take, or would take for what it says."""


def understand(setting, value, *, units=True):
    """Return the value as bool, int, float or str; raise WrongValue. ``units``: whether this version knows any."""
    reader = {"bool": _bool, "enum": _enum, "flags": _flags, "text": _text, "list": _text}.get(setting.kind)
    if reader:
        return reader(setting, value)
    return _number(setting, value, units)


def default_of(setting):
    """The default of a setting, understood. A port of 0 (none) is out of the range that can be written."""
    value = setting.default[1:-1] if setting.default.startswith("'") else setting.default
    if setting.kind in ("int", "long", "real") and value == "0":
        return 0
    return understand(setting, value)


def _text(_setting, value):
    return value


def _bool(_setting, value):
    word = value.lower()
    if word in ("1", "0"):
        return word == "1"
    for full, meaning in (("true", True), ("false", False), ("yes", True), ("no", False)):
        if word and full.startswith(word):
            return meaning
    if len(word) >= 2 and ("on".startswith(word) or "off".startswith(word)):
        return word == "on"
    raise WrongValue("is neither on nor off, which Pgpool-II takes for on without a word")


def _enum(setting, value):
    for word in setting.words:
        if word.lower() == value.lower():
            return word
    raise WrongValue(f"is none of {', '.join(setting.words)}")


def _flags(setting, value):
    words = [word.strip() for word in re.split(r"[|,]", value) if word.strip()]
    unknown = [word for word in words if word not in setting.words]
    if unknown:
        raise WrongValue(f"has a word that is none of {', '.join(setting.words)}")
    return value


def _number(setting, value, units):
    found = _NUMBER.match(value.strip())
    if not found:
        raise WrongValue("is not a number")
    number = _of_digits(found["number"])
    if found["unit"]:
        number *= _factor(setting, found["unit"], units)
    if setting.kind != "real":
        number = round(number)
    _in_range(setting, number)
    return number


def _of_digits(digits):
    sign, digits = (-1, digits[1:]) if digits[0] == "-" else (1, digits.lstrip("+"))
    if digits.lower().startswith("0x"):
        return sign * int(digits, 16)
    if re.fullmatch(r"0[0-7]+", digits):
        return sign * int(digits, 8)
    return sign * (float(digits) if re.search(r"[.eE]", digits) else int(digits))


def _factor(setting, unit, units):
    if not units:
        raise WrongValue(f"has a unit, which Pgpool-II knows from {UNITS_SINCE} on only")
    known = _UNITS.get(setting.unit, {})
    if unit not in known:
        raise WrongValue(f"has a unit that is none of {', '.join(known)}" if known else "has a unit, this takes none")
    return known[unit]


def _in_range(setting, number):
    low, high = setting.domain.split("..")
    low = int(low)
    high = _of_digits(high) if high else (INT_MAX if setting.kind == "int" else 2**63 - 1)
    if not low <= number <= high:
        raise WrongValue(f"is outside of {low} to {high}")


__all__ = ("INCLUDE_SINCE", "UNITS_SINCE", "WrongValue", "default_of", "understand")
