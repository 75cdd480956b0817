"""Checks of tables of text."""

import csv
import re

from dustest.data.files.compression import open_content
from dustest.data.files.limits import check_memory

__all__ = ["check_cells", "check_ecsv"]

_CHARACTER = 4
"""Bytes of a character in an array, in which all cells are as long as the longest."""

_DELIMITER = re.compile(rb"^#\s*delimiter:\s*['\"]?,", re.MULTILINE)
_HEAD = 2**16


def check_cells(longest, n_rows, size, what):
    """Raise an error if a column of text would take too much memory.

    Parameters
    ----------
    longest : int
        Characters of the longest cell.
    n_rows : int
        Number of cells.
    size : int
        Bytes of the file.
    what : str
        The column, for the message.

    Raises
    ------
    ReadError
        If it is too large.

    Examples
    --------
    >>> from dustest.data.files.text_contents import check_cells
    >>> check_cells(20, 1000, 30_000, "column id")
    """
    check_memory(_CHARACTER * longest * n_rows, size, what)


def check_ecsv(source, size):
    """Check that no column of an ECSV file is too large to read.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.
    size : int
        Bytes of its content.

    Raises
    ------
    ReadError
        If a column takes too much memory.
    """
    with open_content(source) as file:
        delimiter = "," if _DELIMITER.search(file.read(_HEAD)) else " "
        file.seek(0)
        text = (line.decode("utf-8", "replace") for line in file if not line.startswith(b"#"))
        longest, n_rows = 0, 0
        for cells in csv.reader(text, delimiter=delimiter):
            longest = max(longest, max(map(len, cells), default=0))
            n_rows += 1
    check_cells(longest, n_rows, size, f"a column of the file {source}")
