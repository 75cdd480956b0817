"""Progress of what takes longer than two seconds."""

import sys

from tqdm import tqdm

__all__ = ["progress_bar"]

_QUIET_SECONDS = 2


def progress_bar(items, progress, **options):
    """Iterate with a bar on standard error that appears after two seconds.

    Parameters
    ----------
    items : sequence
        What to iterate over.
    progress : bool or None
        Whether to show the bar; by default where standard error is a terminal.
    **options : dict
        Passed on to `tqdm.tqdm`, such as ``desc`` and ``unit``.

    Returns
    -------
    bar : iterable
        The items.

    Examples
    --------
    >>> from dustest.validation.progress import progress_bar
    >>> list(progress_bar([1, 2], progress=False))
    [1, 2]
    """
    hidden = not sys.stderr.isatty() if progress is None else not progress
    return tqdm(items, delay=_QUIET_SECONDS, disable=hidden, **options)
