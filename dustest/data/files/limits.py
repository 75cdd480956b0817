"""Largest memory that the content of a file may take."""

from dustest.data.errors import ReadError

__all__ = ["LARGEST_RATIO", "SMALLEST_LIMIT", "check_memory", "memory_limit"]

SMALLEST_LIMIT = 2**26
"""Bytes that the content of any file may take."""

LARGEST_RATIO = 100
"""Bytes that the content of a file may take for each byte of the file, if these are more."""


def memory_limit(size):
    """Largest memory that the content of a file may take.

    Parameters
    ----------
    size : int
        Size of the file in bytes.

    Returns
    -------
    limit : int
        Bytes.

    Examples
    --------
    >>> from dustest.data.files.limits import memory_limit
    >>> memory_limit(1000), memory_limit(10_000_000)
    (67108864, 1000000000)
    """
    return max(SMALLEST_LIMIT, LARGEST_RATIO * size)


def check_memory(n_bytes, size, what):
    """Raise an error if the content of a file would take too much memory, before it is read.

    Parameters
    ----------
    n_bytes : int
        Memory that the content takes, as far as it is known.
    size : int
        Size of the file in bytes.
    what : str
        The content, for the message.

    Raises
    ------
    ReadError
        If it is larger than `memory_limit`.

    Examples
    --------
    >>> from dustest.data.files.limits import check_memory
    >>> check_memory(10**9, 2000, "the table 'dust'")
    Traceback (most recent call last):
    ...
    dustest.data.errors.ReadError: the table 'dust' would take 954 MiB of memory, more than the ...
    """
    limit = memory_limit(size)
    if n_bytes > limit:
        msg = (
            f"{what} would take {n_bytes / 2**20:.0f} MiB of memory, more than the "
            f"{limit / 2**20:.0f} MiB that a file of {size} bytes may: it is damaged, or made to "
            "exhaust the memory; if it is correct, write it without compression"
        )
        raise ReadError(msg)
