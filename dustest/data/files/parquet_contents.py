"""Checks of Parquet files before they are read."""

from dustest.data.files.limits import check_memory
from dustest.data.files.parsing import require

__all__ = ["PARQUET_OPTIONS", "check_parquet"]

PARQUET_OPTIONS = {"version": "2.4", "write_page_checksum": True}
"""How pyarrow writes tables: in the version of astropy, with checksums."""

_ROWS = 2**15
"""Rows that are read at once to verify checksums."""
_CELL = 8
"""Bytes of a number, at most."""


def check_parquet(path, size):
    """Check that the columns of a Parquet file are not too large to read, and their checksums.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    size : int
        Its bytes.

    Raises
    ------
    ReadError
        If they take too much memory, or a page differs from its checksum.
    MissingDependencyError
        If pyarrow is not installed.
    """
    require("pyarrow", f"reading {path.name}")
    from pyarrow import parquet

    metadata = parquet.read_metadata(path)
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    n_rows = max(metadata.num_rows, sum(max(group.num_rows, 0) for group in groups))
    n_bytes = sum(max(group.total_byte_size, 0) for group in groups)
    claimed = max(n_bytes, n_rows * metadata.num_columns * _CELL)
    check_memory(claimed, size, f"the table in the file {path}")
    # Other functions of pyarrow and astropy read pages without a look at their checksums.
    with parquet.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
        for _ in file.iter_batches(_ROWS, use_threads=False):
            pass
