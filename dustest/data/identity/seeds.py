"""Random numbers from the argument ``random_state``."""

from contextlib import suppress

import numpy as np

from dustest.data.errors import InputError

__all__ = ["as_generator"]


def as_generator(random_state):
    """Make a generator of random numbers.

    Parameters
    ----------
    random_state : None, int, `~numpy.random.Generator` or `~numpy.random.RandomState`
        The argument.

    Returns
    -------
    rng : `~numpy.random.Generator`
        The generator itself if one is given.

    Raises
    ------
    InputError
        If it is anything else, or negative.

    Examples
    --------
    >>> from dustest.data.identity.seeds import as_generator
    >>> int(as_generator(1).integers(100)) == int(as_generator(1).integers(100))
    True
    """
    if not isinstance(random_state, bool):
        with suppress(TypeError, ValueError):
            return np.random.default_rng(random_state)
    msg = f"random_state must be None, an integer from 0 or a Generator, got {random_state!r}"
    raise InputError(msg)
