"""Statements on what a population leaves open."""

import numpy as np

__all__ = ["LEAST_ESS", "unconstrained"]

LEAST_ESS = 50.0
"""Effective draws of a galaxy under the population, below which it is flagged."""
_BY_PRIOR = 0.01
"""Fraction of the population in an outer bin from which the range of the prior matters."""
_OPEN_QUESTION = (0.05, 0.95)
"""Probabilities of an atom that decide nothing."""
_FEW_DETECTED = 0.05
"""Probability of detection below which few galaxies stand for many."""


def unconstrained(bins, atom_probability, detected, assigned, of_bins, short):
    """Describe what the data do not constrain.

    Parameters
    ----------
    bins : ValueBins
        The bins.
    atom_probability : float
        Probability of an atom in the first bin.
    detected : ndarray of shape (n_draws, n_cells)
        Densities of the sample, without correction for the selection.
    assigned : ndarray of shape (n, n_cells)
        Probability of each bin for each galaxy.
    of_bins : ndarray of shape (n_cells,) or None
        Probability of detection in each bin.
    short : ndarray of bool of shape (n,)
        Whether galaxies have too few effective draws.

    Returns
    -------
    sentences : tuple of str
        One for each limitation.
    """
    found = []
    for name in bins.names:
        found += _of_range(bins, detected, name)
        found.append(_of_resolution(bins, assigned, name))
    low, high = _OPEN_QUESTION
    if low < atom_probability < high:
        edge = bins.edges[bins.names[0]][1]
        found.append(
            f"Whether some galaxies have {bins.names[0]} below {edge:.2g} beyond a smooth "
            f"distribution is open (probability {atom_probability:.2f})."
        )
    mean = detected.mean(axis=0)
    bits = np.sum(
        assigned * np.log2(np.maximum(assigned, 1e-12) / np.maximum(mean, 1e-12)), axis=1
    )
    found.append(
        f"{np.count_nonzero(bits < 1.0)} of {len(bits)} galaxies add less than 1 bit to the "
        f"population; the mean is {bits.mean():.2f}."
    )
    if short.any():
        found.append(
            f"{np.count_nonzero(short)} galaxies have fewer than {LEAST_ESS:.0f} effective draws "
            "under the population (flag LOW_ESS): their percentiles are only as fine as the bins."
        )
    if of_bins is not None:
        corrected = mean / of_bins
        rare = corrected[of_bins < _FEW_DETECTED].sum() / corrected.sum()
        if rare > _BY_PRIOR:
            found.append(
                f"{100 * rare:.0f} % of the population are galaxies that are hardly ever "
                "detected, inferred from few."
            )
    return tuple(found)


def _of_range(bins, detected, name):
    """Sentences on galaxies at the ends of the range of a quantity."""
    ends = bins.marginal(detected, name).mean(axis=0)[[0, -1]]
    edges = bins.edges[name][[1, -2]]
    sentences = []
    for fraction, edge, word in zip(ends, edges, ("below", "above"), strict=True):
        first_of_zero = word == "below" and bins.begins_at_zero(name)
        if fraction > _BY_PRIOR and not first_of_zero:
            sentences.append(
                f"{100 * fraction:.0f} % have {name} {word} {edge:.3g}, where the range of the "
                "prior or of the posteriors ends: how far beyond is open."
            )
    return sentences


def _of_resolution(bins, assigned, name):
    """Sentence on the errors of single galaxies."""
    probability, values = bins.marginal(assigned, name), bins.centers[name]
    mean = probability @ values
    error = np.sqrt(np.maximum(probability @ values**2 - mean**2, 0.0))
    return (
        f"Features of {name} narrower than the error of a galaxy, {np.median(error):.2g} in the "
        "median, follow from the smoothness of the density."
    )
