"""Tables of text: comma-separated values and columns, with various headers."""

import csv
import gzip
import re

import numpy as np
from astropy import units as u
from astropy.io import ascii as astropy_ascii
from astropy.table import Column, MaskedColumn, Table

from dustest.data.checks.identifiers import ID_COLUMNS
from dustest.data.checks.missing_values import MISSING_CELLS
from dustest.data.checks.tables import first_named
from dustest.data.checks.units import parse_unit
from dustest.data.errors import ReadError
from dustest.data.files.text_contents import check_cells
from dustest.data.messages import shown

__all__ = ["read_text"]

_DELIMITERS = (",", "\t", ";", "|")
_NUMBERED_INLINE = re.compile(r"\(\s*\d+\s*\)\s*(.+?)\s*(?=\(\s*\d+\s*\)|$)")
_NUMBERED_LINE = re.compile(r"(\d+)[.:)]?\s+(\S+)\s*(.*)")
_UNIT_AT_END = re.compile(r"(.+?)\s*[\[(]\s*([^\[\]()]+?)\s*[\])]")
_MOST_COLUMNS = 100_000
_WORD = re.compile(r'"((?:[^"]|"")*)"|(\S+)')


def read_text(path):
    """Read a table of text.

    Names are those of a first line of names, of a line of comment with one word per column, or of
    comments that number the columns, as in SExtractor catalogues. Cells such as ``--``, ``NaN``,
    ``N/A`` and empty ones are missing. Text, and integers with leading zeros, are kept unchanged.

    Parameters
    ----------
    path : pathlib.Path
        The file, possibly compressed with gzip.

    Returns
    -------
    table : `~astropy.table.Table`
        The columns. ``meta["comments"]`` contains the lines of comment.

    Raises
    ------
    ReadError
        If the names do not match the rows, or rows differ in their number of cells.
    """
    text = _read_content(path)
    known = _known_format(text)
    if known is not None:
        # Lines, since astropy takes a text of one line for the name of a file or an address.
        return astropy_ascii.read(text.splitlines(), format=known, guess=False)
    comments, lines = _split(text)
    plain = [line for _, line in lines if not line.lstrip().startswith("#")]
    delimiter = _delimiter(plain[:20])
    rows = [(number, _cells(line, delimiter)) for number, line in lines]
    rows = [row for row, (_, line) in zip(rows, lines, strict=True) if _is_row(row, line, rows)]
    _check_rows(rows, path)
    names, rows = _header(comments, rows, delimiter, path)
    table = Table(meta={"comments": comments})
    columns = zip(*(row for _, row in rows), strict=True) if rows else [()] * len(names)
    longest = max((len(cell) for _, row in rows for cell in row), default=0)
    check_cells(longest, len(rows), len(text), f"a column of the file {path}")
    for name, cells in zip(names, columns, strict=True):
        title, unit = _title(name)
        if title in table.colnames:
            raise ReadError(_twice_message([title], path))
        table[title] = _column(cells, unit)
    return table


def _read_content(path):
    """Content of a file."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        return file.read()


def _known_format(text):
    """Astropy's name of a self-describing format, or None."""
    head = text.lstrip()[:20000]
    if head.startswith("# %ECSV"):
        return "ecsv"
    if "Byte-by-byte Description" in head:
        return "mrt" if head.startswith("Title:") else "cds"
    return "ipac" if re.match(r"\\|\|\s*\w+\s*\|", head) else None


def _split(text):
    """Comments at the top without their mark, and all following lines with their number."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    marks = [line.lstrip().startswith("#") for _, line in lines]
    n_comments = marks.index(False) if False in marks else len(lines)
    comments = [line.strip().lstrip("#").strip() for _, line in lines[:n_comments]]
    return comments, lines[n_comments:]


def _is_row(row, line, rows):
    """Whether a line contains values, perhaps an identifier such as #7, or is a comment."""
    if not line.lstrip().startswith("#"):
        return True
    _, cells = row
    return "," in line and len(cells) == len(rows[0][1])


def _delimiter(lines):
    """Character that divides all lines into the same number of cells; None for blanks."""
    for delimiter in _DELIMITERS:
        counts = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
        if len(counts) == 1 and counts != {1}:
            return delimiter
    most = max((line.count(",") for line in lines), default=0)
    return "," if most > 1 and not any(len(line.split()) > most for line in lines) else None


def _cells(line, delimiter):
    """Cells of a line."""
    if delimiter is not None:
        return next(csv.reader([line], delimiter=delimiter))
    if '"' not in line:
        return line.split()
    return [
        word if quoted == "" else quoted.replace('""', '"') for quoted, word in _WORD.findall(line)
    ]


def _check_rows(rows, path):
    """Raise an error if rows differ in their number of cells."""
    if not rows:
        msg = f"the file {path} holds no table: all of its lines are comments or empty"
        raise ReadError(msg)
    expected = len(rows[0][1])
    for number, row in rows:
        if len(row) != expected:
            msg = (
                f"the file {path} must have equally many cells in each line, but line {number} "
                f"has {len(row)} and line {rows[0][0]} has {expected}: fill empty cells, or "
                "convert the file to CSV"
            )
            raise ReadError(msg)


def _header(comments, rows, delimiter, path):
    """Names of the columns, and the rows without those of names."""
    n_columns = len(rows[0][1])
    inline = [_NUMBERED_INLINE.findall(line) for line in comments]
    described = _numbered_lines(comments)
    for names in [*inline, described]:
        if len(names) > 1 and len(names) == n_columns:
            return names, rows
    first = [cell.strip() for cell in rows[0][1]]
    if first_named(first, ID_COLUMNS) is not None:
        _check_names(first, path)
    if not any(map(_is_number, first)) and len(set(first)) == n_columns:
        return first, rows[1:]
    words = [[cell.strip() for cell in _cells(line, delimiter)] for line in comments]
    words += [line.split() for line in comments]
    for names in words:
        if len(names) == n_columns and len(set(names)) == n_columns:
            return names, rows
    _check_names(first, path)
    counts = [len(described)] if described else [len(names) for names in words if len(names) > 1]
    found = (
        f"names {', '.join(map(str, sorted(set(counts))))} columns" if counts else "has no names"
    )
    msg = (
        f"the header of the file {path} {found}, and its lines have {n_columns} cells: correct "
        "the header so that each column has a name"
    )
    raise ReadError(msg)


def _check_names(cells, path):
    """Raise an error if a name occurs twice."""
    twice = [cell for i, cell in enumerate(cells) if cell in cells[:i]]
    if twice and not any(map(_is_number, cells)):
        raise ReadError(_twice_message(twice, path))


def _twice_message(names, path):
    """Message for names that occur twice."""
    twice = shown(list(dict.fromkeys(names)))
    return f"the header of the file {path} names twice {twice}: give each column its own name"


def _numbered_lines(comments):
    """Names in comments numbered from 1 on, one per line; vectors count as several columns."""
    found = [_NUMBERED_LINE.fullmatch(line) for line in comments]
    found = [match for match in found if match]
    numbers = [int(match[1]) for match in found]
    if len(found) < 2 or numbers[0] != 1 or numbers != sorted(set(numbers)):
        return []
    if numbers[-1] > _MOST_COLUMNS:
        return []
    names = []
    # Numbers that are skipped after a name are further columns of it; the last name has one.
    for match, stop in zip(found, [*numbers[1:], *numbers[-1:]], strict=True):
        unit = re.search(r"\[[^\]]+\]\s*$", match[3])
        names.append(match[2] + (f" {unit[0]}" if unit else ""))
        names += [f"{match[2]}_{i}" for i in range(1, stop - int(match[1]))]
    return names


def _title(name):
    """Name of a column and the unit in brackets after it, None without one."""
    match = _UNIT_AT_END.fullmatch(name)
    unit = None if match is None else parse_unit(match[2])
    if unit is None or isinstance(unit, u.UnrecognizedUnit) or _is_number(match[2]):
        return name, None
    return match[1], unit


def _column(cells, unit):
    """Column of integers, floats or text."""
    text = np.array(cells, dtype=str)
    stripped = np.char.strip(text)
    missing = np.isin(np.char.lower(stripped), MISSING_CELLS)
    numbers = _numbers(np.where(missing, "0", stripped))
    if numbers is None or (numbers.dtype.kind in "iu" and _has_leading_zeros(stripped)):
        return Column(text, unit=unit)
    if np.all(missing):
        numbers = np.full(len(cells), np.nan)
    return (
        MaskedColumn(numbers, mask=missing, unit=unit)
        if missing.any()
        else Column(numbers, unit=unit)
    )


def _numbers(text):
    """Integers if all are, else floats, or None if some are text."""
    for kind in (np.int64, np.uint64, float):
        try:
            return text.astype(kind)
        except (ValueError, OverflowError):
            continue
    return None


def _has_leading_zeros(text):
    """Whether integers are written with leading zeros, which a number would lose."""
    return bool(np.any(np.char.startswith(text, "0") & (np.char.str_len(text) > 1)))


def _is_number(text):
    """Whether a cell is a number or missing."""
    try:
        float(text)
    except ValueError:
        return text.strip().lower() in MISSING_CELLS
    return True
