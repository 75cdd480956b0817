"""Quantities that an estimator can estimate, and those that are requested."""

from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.data.quantities import QUANTITIES, core_quantities

__all__ = ["check_extra", "offered", "requested"]


def offered(gives):
    """List all quantities that an estimator can estimate.

    Parameters
    ----------
    gives : tuple of str or None
        Quantities that it estimates directly; None for any.

    Returns
    -------
    names : tuple of str
        These and those derived from them, in the order of `~dustest.data.QUANTITIES`.

    Examples
    --------
    >>> from dustest.estimators.run.requests import offered
    >>> offered(("E_BV", "A_V"))
    ('A_V', 'E_BV', 'R_V')
    """
    names = set(QUANTITIES if gives is None else gives)
    # A derived quantity is registered after its sources.
    for name, quantity in QUANTITIES.items():
        if quantity.derivation is not None and names.issuperset(quantity.derivation.sources):
            names.add(name)
    return tuple(name for name in QUANTITIES if name in names)


def requested(names, gives):
    """List the quantities of a result.

    Parameters
    ----------
    names : iterable of str
        Requested quantities.
    gives : tuple of str or None
        Quantities that the estimator estimates directly; None for any.

    Returns
    -------
    names : tuple of str
        The core quantities, the requested ones, and their sources, in the order of
        `~dustest.data.QUANTITIES`.

    Examples
    --------
    >>> from dustest.estimators.run.requests import requested
    >>> requested(("beta",), ("A_V", "E_BV", "beta"))
    ('A_V', 'E_BV', 'R_V', 'log_sSFR', 'beta')
    """
    found = {*core_quantities(), *names}
    for name, quantity in reversed(list(QUANTITIES.items())):
        derived = quantity.derivation is not None and gives is not None and name not in gives
        if name in found and derived:
            found.update(quantity.derivation.sources)
    return tuple(name for name in QUANTITIES if name in found)


def check_extra(values, groups, gives, estimator):
    """Raise an error for quantities that an estimator cannot estimate.

    Parameters
    ----------
    values : object
        The parameter ``extra``.
    groups : iterable of str
        Words for groups of columns.
    gives : tuple of str or None
        Quantities that it estimates directly; None for any.
    estimator : str
        Name of the estimator, for messages.

    Raises
    ------
    InputError
        If it is not a sequence of such words and names of quantities.

    Examples
    --------
    >>> from dustest.estimators.run.requests import check_extra
    >>> check_extra(("beta",), (), ("A_V", "beta"), "MeurerEstimator")
    """
    allowed = (*groups, *offered(gives))
    expected = f"extra must be a tuple of names out of {', '.join(allowed)}, got {values!r}"
    if isinstance(values, str):
        hint = f"write ({values!r},)" if values in allowed else did_you_mean(values, allowed)
        msg = f"{expected}: {hint}"
        raise InputError(msg.rstrip(": "))
    if not isinstance(values, tuple | list | set | frozenset):
        raise InputError(expected)
    for value in values:
        if not isinstance(value, str) or value not in allowed:
            known = isinstance(value, str) and value in tuple(QUANTITIES)
            reason = f"{estimator} cannot give it" if known else "it is none of them"
            msg = f"{expected}: {value!r}: {reason}: {did_you_mean(value, allowed)}"
            raise InputError(msg.rstrip(": "))
