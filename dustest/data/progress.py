"""Progress bars of tasks that take longer than two seconds."""

import sys
import warnings
from contextlib import nullcontext

from tqdm import TqdmWarning, tqdm

__all__ = ["progress_bar", "show_message"]

_QUIET_SECONDS = 2


def progress_bar(items=None, progress=None, **options):
    """Iterate with a bar that appears after two seconds: on standard error, or in a notebook.

    Parameters
    ----------
    items : sequence, optional
        Items to iterate over; without them, ``total`` is given and the bar is updated manually.
    progress : bool, `tqdm.tqdm` or None
        Whether to show the bar; by default on terminals and in notebooks. If it is the bar of a
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
    if not _is_shown(progress):
        return tqdm(items, disable=True, **options)
    with warnings.catch_warnings():
        # In notebooks without ipywidgets the bar is a line of text, which is enough.
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm as suitable_bar
    return suitable_bar(items, delay=_QUIET_SECONDS, **options)


def show_message(text, progress=None):
    """Write a line to standard error, if progress is shown.

    Parameters
    ----------
    text : str
        The line.
    progress : bool or None
        Whether progress is shown; by default on terminals and in notebooks.

    Examples
    --------
    >>> from dustest.data.progress import show_message
    >>> show_message("waiting", progress=False)
    """
    if _is_shown(progress):
        tqdm.write(text, file=sys.stderr)


def _is_shown(progress):
    """Whether progress is shown."""
    return sys.stderr.isatty() or _in_notebook() if progress is None else progress


def _in_notebook():
    """Whether the process is the kernel of a notebook."""
    find_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = find_shell and find_shell()
    return shell is not None and "IPKernelApp" in shell.config
