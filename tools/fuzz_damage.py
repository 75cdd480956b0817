"""Damage to files: bytes that change by chance, and values that are forged."""

import re

import numpy as np

__all__ = ["damage_bytes", "forge_text"]

_CARD = 80
_FITS = b"SIMPLE  ="
_FORGED = (
    *("0", "-1", "1", "2", "7", "255", "65535", "2147483647", "2147483648", "4294967295"),
    *("1000000000", "100000000000", "9223372036854775807", "18446744073709551616", "1e308"),
    *("-1e308", "1e999", "nan", "inf", "-inf", "'x'", "''", "T", "F", "null", "[]", "{}", "*"),
    *("1x1", "[1e3", "=1+1", "\\x00", "é", "../../x", "http://127.0.0.1:9/x", "file:///etc/hosts"),
)
_NUMBER = re.compile(rb"(?<![A-Za-z_0-9.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9]*")
_TEXT_LIKE = 0.85
"""Share of printable bytes from which on a file counts as text."""


def damage_bytes(content, rng):
    """Change bytes by chance, as bad disks and broken transfers do.

    Parameters
    ----------
    content : bytes
        The file.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    changed : bytes
        Another file.
    """
    kinds = (_flip, _set, _zero, _noise, _cut_out, _insert, _repeat, _truncate, _swap)
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        kinds[rng.integers(len(kinds))](changed, rng)
    return bytes(changed)


def forge_text(content, rng):
    """Change a number, a word or a card to one that a forger would choose.

    Parameters
    ----------
    content : bytes
        The file.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    changed : bytes
        Another file; unchanged if it has no text.
    """
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if content.startswith(_FITS):
            _forge_card(changed, rng)
        else:
            pattern = _NUMBER if rng.random() < 0.7 else _WORD
            found = list(pattern.finditer(bytes(changed)))
            if found:
                match = found[rng.integers(len(found))]
                new = _FORGED[rng.integers(len(_FORGED))].encode()
                if not _is_text(content):
                    new = new[: len(match[0])].ljust(len(match[0]))
                changed[match.start() : match.end()] = new
    return bytes(changed)


def _is_text(content):
    """Whether most bytes are printable."""
    head = np.frombuffer(content[:4096], np.uint8)
    return np.mean((head >= 32) & (head < 127) | (head == 10)) > _TEXT_LIKE


def _forge_card(changed, rng):
    """Replace the value of a card of a FITS header."""
    starts = [
        start
        for start in range(0, len(changed) - _CARD, _CARD)
        if changed[start + 8 : start + 10] == b"= "
        and re.fullmatch(rb"[A-Z0-9_-]+ *", bytes(changed[start : start + 8]))
    ]
    if starts:
        start = starts[rng.integers(len(starts))]
        value = _FORGED[rng.integers(len(_FORGED))].encode("ascii", "replace")
        changed[start + 10 : start + 30] = value.rjust(20)[:20]


def _span(changed, rng):
    """Part of a file, which is short more often than long."""
    if not changed:
        return 0, 0
    start = int(rng.integers(len(changed)))
    return start, min(len(changed), start + int(2 ** rng.uniform(0, 12)))


def _flip(changed, rng):
    for _ in range(rng.integers(1, 9)):
        if changed:
            changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))


def _set(changed, rng):
    if changed:
        changed[rng.integers(len(changed))] = rng.integers(256)


def _zero(changed, rng):
    start, stop = _span(changed, rng)
    changed[start:stop] = bytes(stop - start)


def _noise(changed, rng):
    start, stop = _span(changed, rng)
    changed[start:stop] = rng.bytes(stop - start)


def _cut_out(changed, rng):
    start, stop = _span(changed, rng)
    del changed[start:stop]


def _insert(changed, rng):
    start, stop = _span(changed, rng)
    changed[start:start] = rng.bytes(stop - start)


def _repeat(changed, rng):
    start, stop = _span(changed, rng)
    changed[start:start] = changed[start:stop]


def _truncate(changed, rng):
    del changed[_span(changed, rng)[0] :]


def _swap(changed, rng):
    one, _ = _span(changed, rng)
    two, _ = _span(changed, rng)
    # Checksums of FITS do not depend on the order of words of four bytes.
    two += (one - two) % 4 == 0
    length = min(64, len(changed) - max(one, two))
    changed[one : one + length], changed[two : two + length] = (
        changed[two : two + length],
        changed[one : one + length],
    )
