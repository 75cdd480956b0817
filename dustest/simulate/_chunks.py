"""Chunks of simulated rows on disc: two tables, and a marker that shows that they are complete.

The marker contains the digests of both tables and is written last. After an interruption, a chunk
without a marker that matches its tables is not used.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io.registry import IORegistryError

from dustest.data.containers.rows import RowTable
from dustest.data.containers.sample import GalaxySample
from dustest.data.errors import InputError, ReadError
from dustest.data.files.paths import replacing
from dustest.data.quantities import QUANTITIES, quantity_column

__all__ = ["Chunk", "count_missing_rows", "split_rows", "write_json"]

_TABLES = {"sample": GalaxySample, "truth": RowTable}


@dataclass(frozen=True)
class Chunk:
    """Rows ``start`` to ``stop - 1`` of a simulation.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Folder of the simulation.
    number : int
        Number of the chunk, from 0.
    start, stop : int
        First row, and the one after the last.
    """

    folder: Path
    number: int
    start: int
    stop: int

    def __len__(self):
        return self.stop - self.start

    @property
    def marker(self):
        """File that shows that the chunk is complete."""
        return self.folder / f"chunk_{self.number:05d}.json"

    def table(self, kind):
        """File of one table, ``"sample"`` or ``"truth"``."""
        return self.folder / f"{kind}_{self.number:05d}.fits"

    def write(self, sample, truth):
        """Write both tables, then the marker."""
        tables = {"sample": _to_single_precision(sample), "truth": truth}
        for table in tables.values():
            if len(table) != len(self):
                msg = f"rows {self.start} to {self.stop - 1} must be {len(self)}, got {len(table)}"
                raise InputError(msg)
        digests = {kind: _write_table(table, self.table(kind)) for kind, table in tables.items()}
        write_json({"rows": [self.start, self.stop], "sha256": digests}, self.marker)

    def is_marked(self):
        """Whether the marker exists and is for these rows; the tables are not read."""
        return self._digests() is not None

    def is_whole(self):
        """Whether both tables exist and match their digests."""
        digests = self._digests()
        return digests is not None and all(
            _digest(self.table(kind)) == digests[kind] for kind in _TABLES
        )

    def read(self, kind):
        """Read one table and check it against the marker."""
        path = self.table(kind)
        try:
            payload = path.read_bytes()
            digests = self._digests()
            if digests is None or _sha256(payload) != digests[kind]:
                msg = "it differs from its digest"
                raise ReadError(msg)
            table = _TABLES[kind].read(io.BytesIO(payload), format="fits")
        except (OSError, ValueError, IORegistryError) as error:
            msg = (
                f"cannot read {str(path)!r}: {error}; run the same simulation again with this "
                "folder to replace damaged files"
            )
            raise ReadError(msg) from error
        for name in QUANTITIES:
            column = quantity_column(name, table.colnames)
            if column not in (None, name):
                table.rename_column(column, name)
        return table

    def _digests(self):
        """Digests by table from the marker; None if it is missing or for other rows."""
        try:
            marker = json.loads(self.marker.read_text(encoding="utf-8"))
            digests = {kind: marker["sha256"][kind] for kind in _TABLES}
            return digests if marker["rows"] == [self.start, self.stop] else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None


def count_missing_rows(folder, n, chunk_rows):
    """Number of rows without a marked chunk; ``n`` may be any number, since files are counted."""
    starts = range(0, n, chunk_rows)
    names = (path.stem.removeprefix("chunk_") for path in folder.glob("chunk_*.json"))
    numbers = {int(name) for name in names if name.isascii() and name.isdigit()}
    chunks = [_chunk(folder, number, starts) for number in numbers if number < len(starts)]
    return n - sum(len(chunk) for chunk in chunks if chunk.is_marked())


def split_rows(folder, n, chunk_rows):
    """Chunks of a simulation of ``n`` rows; all but the last have ``chunk_rows``."""
    starts = range(0, n, chunk_rows)
    return [_chunk(folder, number, starts) for number in range(len(starts))]


def _chunk(folder, number, starts):
    """Chunk of a number, of all that begin at some rows."""
    start = starts[number]
    return Chunk(folder, number, start, min(start + starts.step, starts.stop))


def write_json(record, path):
    """Write a record atomically, and always with the same bytes."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _write_table(table, path):
    """Write a table and return its digest."""
    with replacing(path) as partial:
        table.write(partial, format="fits", overwrite=True)
        return _digest(partial)


def _digest(path):
    """Digest of a file, or None if it does not exist."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _sha256(payload):
    """Digest of bytes."""
    return hashlib.sha256(payload).hexdigest()


def _to_single_precision(sample):
    """The sample with images in single precision, which is far more precise than the noise."""
    small = GalaxySample(sample, copy=False)
    for name in small.colnames:
        if name.startswith("cutout_") and small[name].dtype == np.float64:
            small[name] = small[name].astype(np.float32)
    return small
