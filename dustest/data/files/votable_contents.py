"""Checks of VOTable files before they are read."""

import math
import re
from dataclasses import dataclass
from xml.parsers import expat

from dustest.data.errors import ReadError
from dustest.data.files.compression import open_content
from dustest.data.files.limits import check_memory

__all__ = ["check_votable"]

_BYTES = {"boolean": 1, "bit": 1, "unsignedByte": 1, "short": 2, "int": 4, "long": 8, "char": 1}
_BYTES |= {"unicodeChar": 4, "float": 4, "double": 8, "floatComplex": 8, "doubleComplex": 16}
_FEWEST_ROWS = 512
"""Rows for which astropy allocates memory at first."""


def check_votable(source, size):
    """Check that a VOTable refers to no other file, and how large its tables are.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.
    size : int
        Bytes of its content.

    Raises
    ------
    ReadError
        If it is no XML, has entities or data elsewhere, or its tables are too large to read.
    """
    elements = _Elements(source, size)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = elements.refuse_document_type
    parser.StartElementHandler = elements.start
    try:
        with open_content(source) as file:
            parser.ParseFile(file)
    except LookupError as error:
        msg = f"the file {source} is in an {error}"
        raise ReadError(msg) from error
    elements.finish()


@dataclass
class _Elements:
    """Elements of a VOTable that determine what it reads."""

    source: object
    size: int
    row_bytes: int = 0
    claimed_rows: int = 0
    rows: int = 0

    def refuse_document_type(self, *_):
        """Raise an error: only a document type can define entities."""
        msg = (
            f"the file {self.source} declares a document type (DOCTYPE), which may refer to other "
            "files: remove the declaration"
        )
        raise ReadError(msg)

    def start(self, name, attributes):
        """Check one element."""
        name = name.rpartition(":")[2]
        if name == "STREAM" and "href" in attributes:
            msg = (
                f"the file {self.source} has its data in {attributes['href']!r}, which is not "
                "read: save the table with its data in the file"
            )
            raise ReadError(msg)
        if name == "TABLE":
            self.finish()
            self.row_bytes, self.claimed_rows, self.rows = 0, _whole(attributes.get("nrows")), 0
        elif name in ("FIELD", "PARAM"):
            self.row_bytes += _cell_bytes(attributes)
        elif name == "TR":
            self.rows += 1

    def finish(self):
        """Check the size of a table."""
        n_rows = max(self.claimed_rows, self.rows, _FEWEST_ROWS)
        check_memory(n_rows * self.row_bytes, self.size, f"a table of the file {self.source}")


def _whole(text):
    """Number of an attribute, 0 if there is none; other text is an error of the reader."""
    return int(text) if text and re.fullmatch(r"\s*\d{1,30}\s*", text) else 0


def _cell_bytes(attributes):
    """Bytes of a cell; arrays of any length are stored by reference."""
    sides = attributes.get("arraysize", "1").split("x")
    fixed = [_whole(side) for side in sides if not side.endswith("*")]
    item = _BYTES.get(attributes.get("datatype"), _BYTES["double"])
    return item * math.prod(fixed)
