"""Progress bars of tasks that take longer than two seconds."""

import sys
from contextlib import nullcontext

from tqdm import tqdm

__all__ = ["progress_bar"]

_QUIET_SECONDS = 2


def progress_bar(items=None, progress=None, **options):
    """Iterate with a bar on standard error that appears after two seconds.

    Parameters
    ----------
    items : sequence, optional
        Items to iterate over; without them, ``total`` is given and the bar is updated manually.
    progress : bool, `tqdm.tqdm` or None
        Whether to show the bar; by default if standard error is a terminal. If it is the bar of a
        longer task, this bar is updated, and stays open.
    **options : dict
        Passed to `tqdm.tqdm`, such as ``desc``, ``unit`` and ``total``.

    Returns
    -------
    bar : `tqdm.tqdm`
        The items, or the bar.

    Examples
    --------
    >>> from dustest.data.progress import progress_bar
    >>> list(progress_bar([1, 2], progress=False))
    [1, 2]
    """
    if isinstance(progress, tqdm):
        return nullcontext(progress)
    hidden = not sys.stderr.isatty() if progress is None else not progress
    return tqdm(items, delay=_QUIET_SECONDS, disable=hidden, **options)
