"""Progress bars of tasks that take longer than two seconds."""

import sys
from contextlib import nullcontext

from tqdm import tqdm

__all__ = ["progress_bar", "show_message"]

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
    return tqdm(items, delay=_QUIET_SECONDS, disable=not _is_shown(progress), **options)


def show_message(text, progress=None):
    """Write a line to standard error, if progress is shown.

    Parameters
    ----------
    text : str
        The line.
    progress : bool or None
        Whether progress is shown; by default if standard error is a terminal.

    Examples
    --------
    >>> from dustest.data.progress import show_message
    >>> show_message("waiting", progress=False)
    """
    if _is_shown(progress):
        tqdm.write(text, file=sys.stderr)


def _is_shown(progress):
    """Whether progress is shown."""
    return sys.stderr.isatty() if progress is None else progress
