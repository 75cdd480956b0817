"""Quantities that an estimator is asked for, and those that it can give."""

from dustest.data.errors import InputError
from dustest.data.messages import did_you_mean
from dustest.data.quantities import QUANTITIES, core_quantities

__all__ = ["check_extra", "offered", "requested"]


def offered(gives):
    """Name all quantities that an estimator can give.

    Parameters
    ----------
    gives : tuple of str or None
        Quantities that it gives itself; None for any.

    Returns
    -------
    names : tuple of str
        These and what follows from them, in the order of `~dustest.data.QUANTITIES`.

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
    """Name the quantities that a result has.

    Parameters
    ----------
    names : iterable of str
        Quantities that were asked for.
    gives : tuple of str or None
        Quantities that the estimator gives itself; None for any.

    Returns
    -------
    names : tuple of str
        The core ones, those asked for, and what they are derived from, in the order of
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
    """Refuse what an estimator cannot give.

    Parameters
    ----------
    values : object
        Its parameter ``extra``.
    groups : iterable of str
        Words that stand for groups of columns.
    gives : tuple of str or None
        Quantities that it gives itself; None for any.
    estimator : str
        Its name, for messages.

    Raises
    ------
    InputError
        If it is no sequence of such words and names of quantities.

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
