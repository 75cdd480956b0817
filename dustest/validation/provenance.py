"""Provenance of result tables."""

import json

__all__ = ["parameters_of"]


def parameters_of(meta):
    """Read the parameters of the estimator that made a table.

    Parameters
    ----------
    meta : dict
        Provenance of the table, with the parameters as JSON under ``params``.

    Returns
    -------
    parameters : dict
        Empty if there are none; text that is not a JSON object, in a table of another program, is
        returned under ``params``.

    Examples
    --------
    >>> from dustest.validation.provenance import parameters_of
    >>> parameters_of({"params": '{"sfh": "delayed"}'}), parameters_of({"params": "sfh=delayed"})
    ({'sfh': 'delayed'}, {'params': 'sfh=delayed'})
    """
    given = meta.get("params") or "{}"
    try:
        parameters = json.loads(given)
    except (TypeError, ValueError):
        parameters = given
    return parameters if isinstance(parameters, dict) else {"params": given}
