"""What a result table says about how it was made."""

import json

__all__ = ["parameters_of"]


def parameters_of(meta):
    """Parameters of the estimator that made a table.

    Parameters
    ----------
    meta : dict
        Provenance of the table, with the parameters as JSON under ``params``.

    Returns
    -------
    parameters : dict
        Empty where there are none; what a stranger's table does not write as a JSON object stands
        under ``params`` as it is.

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
