"""A bound on the memory of tables of spectra, which the processes of a run share by files."""

import json
import pickle
import shutil
from contextlib import suppress
from hashlib import blake2b
from hmac import compare_digest

from dustest.data.errors import WriteError
from dustest.data.files.paths import replacing

__all__ = ["RecentTables"]

_MOST_BYTES = 2e9
"""Those of 31 redshifts and one kind of gas take 0.1 (for any law) to 0.4 GB (for one law)."""
_MOST_BYTES_BESIDE_FILES = 1e8
"""A table is read from its file in a hundredth of the time in which it is made."""
_DIGEST_BYTES = 32
_LEAST_FREE = 1e9
"""Bytes of the disk that are left free for other files."""


class RecentTables:
    """The tables that were used last, up to a total size.

    Parameters
    ----------
    most_bytes : float, optional
        Size in bytes beyond which the tables that were not used for the longest time are dropped.
        They are made again when needed. The last table is kept, whatever its size.
    folder : `~pathlib.Path`, optional
        Folder for a file of each table, from which it is read in place of being made again, by
        this and by other processes. Nothing is written if it does not exist, or if little of the
        disk is free.
    secret : bytes, optional
        Key that only the processes of a run have. They write a digest with this key into each
        file, and read no file without it, since files are pickles.

    Examples
    --------
    >>> import numpy as np
    >>> from dustest.simulate.emission.recent_tables import RecentTables
    >>> recent = RecentTables(most_bytes=1000)
    >>> for key in ("a", "b", "a", "c"):
    ...     table = recent.get(key, lambda: np.zeros(50))
    >>> sorted(recent)
    ['a', 'c']
    """

    def __init__(self, most_bytes=None, folder=None, secret=b""):
        usual = _MOST_BYTES if folder is None else _MOST_BYTES_BESIDE_FILES
        self._most_bytes = usual if most_bytes is None else most_bytes
        self._folder, self._secret, self._tables = folder, secret, {}

    def __getstate__(self):
        return vars(self) | {"_tables": {}}

    def __iter__(self):
        return iter(self._tables)

    def get(self, key, make):
        """Look up a table.

        Parameters
        ----------
        key : str, float or tuple of these
            What the table depends on.
        make : callable
            Makes the table, an object with ``nbytes``, if it is not there.

        Returns
        -------
        object
            The table.
        """
        # Dicts keep the order of insertion: the table that was used last is the last one. Each
        # step is safe if threads of a worker of dask share this object.
        table = self._tables.pop(key, None)
        if table is None:
            table = self._find(key, make)
        self._tables[key] = table
        for oldest in list(self._tables)[:-1]:
            if self._size <= self._most_bytes:
                break
            self._tables.pop(oldest, None)
        return table

    @property
    def _size(self):
        """Bytes of all tables."""
        return sum(table.nbytes for table in list(self._tables.values()))

    def _find(self, key, make):
        """Read a table from its file, or make it."""
        if self._folder is None:
            return make()
        name = blake2b(json.dumps(key).encode(), digest_size=16).hexdigest()
        path = self._folder / f"{name}.pkl"
        with suppress(OSError):
            written = path.read_bytes()
            digest, content = written[:_DIGEST_BYTES], written[_DIGEST_BYTES:]
            if compare_digest(digest, self._digest(content)):
                return pickle.loads(content)
        table = make()
        self._write(pickle.dumps(table, protocol=5), path)
        return table

    def _digest(self, content):
        """Digest that only processes of this run can make."""
        return blake2b(content, key=self._secret, digest_size=_DIGEST_BYTES).digest()

    def _write(self, content, path):
        """Write a table to its file, if there is room."""
        # A table without a file is made by every process that needs it.
        with suppress(OSError, WriteError):
            if shutil.disk_usage(self._folder).free > _LEAST_FREE:
                with replacing(path) as partial:
                    partial.write_bytes(self._digest(content) + content)
