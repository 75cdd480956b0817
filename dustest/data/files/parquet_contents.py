"""Checks of Parquet files before they are read."""

from dustest.data.files.limits import check_memory
from dustest.data.files.parsing import require

__all__ = ["check_parquet"]

_CELL = 8
"""Bytes of a number, at most."""


def check_parquet(path, size):
    """Check that the columns of a Parquet file are not too large to read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    size : int
        Its bytes.

    Raises
    ------
    ReadError
        If they take too much memory.
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
