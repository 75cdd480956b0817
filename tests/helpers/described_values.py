"""A description of values whose order and code could depend on the process."""

import json

from dust_extinction.grain_models import D03

from dustest.data.identity.describe import describe


def describe_values():
    """JSON text of a model, a set and a function."""
    return json.dumps(describe([D03("MWRV31"), {"a", "b", "c"}, lambda x: x + 1.5]))
