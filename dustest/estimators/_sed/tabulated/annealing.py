"""The search for narrow posteriors, under powers of the likelihood that rise to one."""

import numpy as np

from dustest.estimators._sed.tabulated.pool import search_effort
from dustest.estimators._sed.tabulated.refinement import Proposal

__all__ = ["FEW", "annealed", "with_tail"]

FEW = 768
"""Number of models of a round with few parameters."""
_ENOUGH, _MAX_STEPS = 60.0, 60
"""Effective number of models under a power of the likelihood, with few parameters, and greatest
number of powers."""
_DURATIONS = ("fwhm", "tau")
"""Parameters of star-formation histories whose small values are bursts."""
_NARROW = 0.02
"""First power of the likelihood below which bursts are searched by themselves."""
_CENTRE, _SPREAD, _LONGEST, _N_BURSTS = -3.5, 0.5, -2.9, 8
"""Durations of bursts in coordinates in which the prior is standard normal: centre and spread of
the first ones, and the longest; and their number in rounds."""

_TAIL, _TAIL_ROUNDS = 0.05, 2
"""Share of a posterior in its tail to high specific star-formation rates, and rounds there."""


def annealed(chain, draw, rng):
    """Add models under rising powers of the likelihood, until its own is reached.

    A prior that is flat in the duration of star formation has few bursts. Where one of them fits
    best, the search under low powers does not see it among longer histories, whose posterior is
    much wider. In narrow posteriors bursts are therefore searched by themselves too, and join the
    mixture that all models are weighted by.

    Parameters
    ----------
    chain : Chain
        The models of the pool.
    draw : Callable
        Function of points of the unit cube that returns models and their likelihoods.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    Chain
        With the models of the search.
    """
    found, power = _search(chain, draw, rng)
    if power >= _NARROW:
        return found
    for axis, name in enumerate(chain.pool.prior.free):
        if name.rpartition(":")[2] in _DURATIONS and axis in chain.pool.axes:
            bursts, _ = _search(_bursts(chain, axis, draw, rng), draw, rng, axis)
            if len(bursts.place):
                proposal = bursts.proposal(bursts.log_importance, _number(chain), rng)
                found = found.extended(proposal, draw, rng)
    return found


def with_tail(chain, draw, rng):
    """Add models in the tail of a posterior to high specific star-formation rates.

    Young stars outshine old ones. Galaxies that form more stars behind more dust, with less mass,
    therefore fit nearly as well, in a tail so long and narrow that proposals learned from the
    whole posterior find a third of it.

    Parameters
    ----------
    chain : Chain
        Enough models of the rest of the posterior.
    draw : Callable
        Function of points of the unit cube that returns models and their likelihoods.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    Chain
        With further models, whose effective number may be less.
    """
    for _ in range(_TAIL_ROUNDS):
        order = np.argsort(chain.models.quantities["log_sSFR"])
        rest = order[np.cumsum(chain.weight[order]) < 1.0 - _TAIL]
        log_weight = chain.log_importance.copy()
        log_weight[rest] = -np.inf
        chain = chain.extended(chain.proposal(log_weight, _number(chain), rng), draw, rng)
    return chain


def _search(chain, draw, rng, axis=None):
    """Add models under rising powers, only bursts if the number of their duration is given.

    The first power is returned too.
    """
    first = 1.0
    for number in range(_MAX_STEPS if len(chain.place) else 0):
        # Too few models of many parameters miss peaks of the posterior.
        enough = search_effort(len(chain.pool.axes)) * _ENOUGH
        log_weight, power = chain.annealed(chain.log_importance, enough)
        first = power if number == 0 else first
        if power == 1.0:
            break
        chain = chain.extended(chain.proposal(log_weight, _number(chain), rng), draw, rng)
        if axis is not None:
            chain = _bursts_of(chain, axis)
    return chain, first


def _bursts(chain, axis, draw, rng):
    """Add bursts of all kinds, and leave out all other models."""
    axes = chain.pool.axes
    centre, scale = np.zeros((1, len(axes))), np.eye(len(axes))
    place = list(axes).index(axis)
    centre[0, place], scale[place, place] = _CENTRE, _SPREAD
    number = _N_BURSTS * _number(chain)
    proposal = Proposal(axes, np.ones(1), centre, scale[np.newaxis], number)
    return _bursts_of(_bursts_of(chain, axis).extended(proposal, draw, rng), axis)


def _bursts_of(chain, axis):
    """The bursts of a chain that are possible."""
    possible = np.isfinite(chain.likelihood.log_weight)
    return chain.take(np.flatnonzero(possible & (chain.place[:, axis] < _LONGEST)))


def _number(chain):
    """Number of models of a round."""
    return search_effort(len(chain.pool.axes)) * FEW
