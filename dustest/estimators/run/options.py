"""Checks of the options of a run, before anything is computed."""

import numpy as np

from dustest.data.checks.numbers import check_n_jobs
from dustest.data.errors import InputError
from dustest.data.files.paths import check_table_file
from dustest.data.messages import argument

__all__ = ["check_options", "check_switch"]


def check_options(output, resume, n_jobs, progress):
    """Raise an error for invalid options.

    Parameters
    ----------
    output : str, path-like or None
        File for the result.
    resume : bool
        Whether rows of an earlier run may be used again.
    n_jobs : int or None
        Number of processes.
    progress : bool or None
        Whether to show progress.

    Returns
    -------
    file_format : str or None
        Format of ``output``.

    Raises
    ------
    InputError
        If an option has another type, there is no process, or ``output`` cannot be written.
    MissingDependencyError
        If the package that writes ``output`` is not installed.
    """
    check_n_jobs(n_jobs)
    check_switch("resume", resume)
    if progress is not None:
        check_switch("progress", progress)
    if output is None:
        if resume:
            msg = f"{argument('resume', True)} needs output, the file of the run to resume"
            raise InputError(msg)
        return None
    return check_table_file(output)


def check_switch(name, value):
    """Raise an error for anything but True or False.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        Its value.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> from dustest.estimators.run.options import check_switch
    >>> check_switch("resume", True)
    """
    if not isinstance(value, bool | np.bool_):
        msg = f"{name} must be True or False, got {value!r}"
        raise InputError(msg)
