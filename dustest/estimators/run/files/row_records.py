"""Binary records of finished rows: numbers as numpy stores them, with a checksum for each row."""

import json
import struct
import zlib
from functools import lru_cache

import numpy as np

from dustest.estimators.run.summary import Rows

__all__ = ["KEY_BYTES", "RowLayout"]

KEY_BYTES = 20
"""Length of the key of a row."""

_CHECKSUM = struct.Struct("<I")
_KINDS = ("values", "extra")


class RowLayout:
    """Names, types and shapes of the columns of records.

    Parameters
    ----------
    columns : list of list
        Kind (``"values"`` or ``"extra"``), name, type and shape of one row of each column.

    Attributes
    ----------
    content : bytes
        Description of the columns with a checksum.
    dtype : `numpy.dtype`
        Structured type of the records. The checksum of a record is of all bytes before it.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.estimators.run.files.row_records import RowLayout
    >>> from dustest.estimators.run.summary import Rows
    >>> rows = Rows({"A_V": np.array([[0.1, 0.2, 0.3]])}, np.array([0]))
    >>> layout = RowLayout.of(rows)
    >>> content = layout.pack(np.zeros((1, 20), np.uint8), rows)
    >>> layout.rows(layout.intact(content)).values["A_V"].tolist()
    [[0.1, 0.2, 0.3]]
    >>> len(layout.intact(content.replace(content[24:32], bytes(8))))
    0
    """

    def __init__(self, columns):
        self._columns = columns
        text = json.dumps(columns).encode()
        self._checksum = zlib.crc32(text)
        self.content = _CHECKSUM.pack(self._checksum) + text
        fields = [
            (str(number), kind, tuple(shape)) for number, (_, _, kind, shape) in enumerate(columns)
        ]
        key, flags, checksum = ("key", "u1", (KEY_BYTES,)), ("flags", "<i4"), ("checksum", "<u4")
        self.dtype = np.dtype([key, flags, *fields, checksum])

    @classmethod
    def of(cls, rows):
        """Layout of rows.

        Parameters
        ----------
        rows : Rows
            Any number of rows.

        Returns
        -------
        layout : RowLayout
            Their layout.
        """
        return cls(
            [
                [kind, name, values.dtype.str, values.shape[1:]]
                for kind in _KINDS
                for name, values in getattr(rows, kind).items()
            ]
        )

    @staticmethod
    @lru_cache
    def read(content):
        """Read a description.

        Parameters
        ----------
        content : bytes
            Attribute ``content`` of a layout, perhaps damaged.

        Returns
        -------
        layout : RowLayout or None
            None if it is damaged.
        """
        text = content[_CHECKSUM.size :]
        if content[: _CHECKSUM.size] != _CHECKSUM.pack(zlib.crc32(text)) or not text:
            return None
        return RowLayout(json.loads(text))

    def pack(self, keys, rows):
        """Encode rows.

        Parameters
        ----------
        keys : ndarray of uint8 of shape (n, 20)
            Keys of the rows.
        rows : Rows
            n rows of this layout.

        Returns
        -------
        content : bytes
            Their records.
        """
        records = np.zeros(len(keys), self.dtype)
        records["key"], records["flags"] = keys, rows.flags
        for number, (kind, name, _, _) in enumerate(self._columns):
            records[str(number)] = getattr(rows, kind)[name]
        records["checksum"] = self._checksums(records.tobytes())
        return records.tobytes()

    def intact(self, content):
        """Read records, without those that are damaged.

        Parameters
        ----------
        content : bytes
            Records, perhaps with other bytes or truncated.

        Returns
        -------
        records : ndarray of shape (m,)
            Records whose checksum is right.
        """
        n_rows = len(content) // self.dtype.itemsize
        records = np.frombuffer(content, self.dtype, n_rows)
        good = records["checksum"] == self._checksums(content)
        return records if good.all() else records[good]

    def rows(self, records):
        """Decode rows.

        Parameters
        ----------
        records : ndarray of shape (n,)
            Records.

        Returns
        -------
        rows : Rows
            n rows.
        """
        found = {kind: {} for kind in _KINDS}
        for number, (kind, name, _, _) in enumerate(self._columns):
            found[kind][name] = records[str(number)]
        return Rows(found["values"], records["flags"], found["extra"])

    def _checksums(self, content):
        """Checksum of each whole record, which is another for another layout."""
        content, width = memoryview(content), self.dtype.itemsize
        starts = range(0, len(content) - width + 1, width)
        end, begin = width - _CHECKSUM.size, self._checksum
        # A cyclic redundancy check finds every change of up to 32 neighbouring bits.
        found = [zlib.crc32(content[start : start + end], begin) for start in starts]
        return np.array(found, dtype=np.uint32)
