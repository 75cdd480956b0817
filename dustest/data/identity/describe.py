"""Lossless descriptions: they distinguish values that may change a result.

These descriptions, and never a `repr` or a name alone, decide whether stored results may be used
again.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property, partial
from hashlib import blake2b
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType

import numpy as np
from astropy import units as u
from astropy.table import Table

from dustest.data.errors import InputError

__all__ = ["class_path", "describe", "describe_class", "texts_in"]

_MOST_LISTED = 32
"""Length up to which arrays are listed; longer ones are described by a digest."""

_VERSIONED = (
    *("abc", "builtins", "collections", "copyreg", "typing"),
    *("astropy", "dust_extinction", "dustest", "numpy", "scipy", "sklearn"),
)
"""Packages whose code does not change without a new version, as far as results depend on it."""


def describe(value, name="value"):
    """Describe a value in JSON types; equal descriptions mean equal results.

    Parameters
    ----------
    value : object
        Numbers, text, lists, dicts, arrays, Quantities, tables, estimators, cosmologies, models
        of astropy, dataclasses, functions, what has ``to_dict``, and what can be pickled.
    name : str, optional
        Name for messages.

    Returns
    -------
    description : object
        Dicts with text as keys, lists, text, finite numbers, True, False and None. Numbers and
        text, and lists and dicts of them, describe themselves.

    Raises
    ------
    InputError
        If the value has a state that cannot be read, such as an open file.

    Examples
    --------
    >>> from astropy import units as u
    >>> from dustest.data.identity.describe import describe
    >>> describe({"width": 0.2, "time": 100 * u.Myr})
    {'width': 0.2, 'time': {'value': 100.0, 'unit': 'Myr'}}
    """
    try:
        return _describe(value, ())
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        msg = (
            f"{name} must be something whose content can be described, so that results made with "
            f"another are not taken for its own, got {class_path(type(value))}: {error}"
        )
        raise InputError(msg) from error


def class_path(cls):
    """Name a class or a function with its module.

    Parameters
    ----------
    cls : type or function
        Any.

    Returns
    -------
    path : str
        Such as ``"dustest.data.flags.Flag"``.

    Examples
    --------
    >>> from dustest.data import RowTable
    >>> from dustest.data.identity.describe import class_path
    >>> class_path(RowTable)
    'dustest.data.containers.rows.RowTable'
    """
    return f"{cls.__module__}.{cls.__qualname__}"


def describe_class(cls):
    """Describe a class by its name, and by the code of its bases that have no version.

    Parameters
    ----------
    cls : type
        Any class.

    Returns
    -------
    description : dict
        ``class``; and ``code``, functions and plain values by class and name, if a class is
        neither from dustest nor from a package that it uses.

    Examples
    --------
    >>> from dustest import MeurerEstimator
    >>> from dustest.data.identity.describe import describe_class
    >>> describe_class(MeurerEstimator)
    {'class': 'dustest.estimators.meurer.MeurerEstimator'}
    """
    return _class(cls, partial(_describe, inside=()))


def texts_in(description):
    """List all texts in a description, such as names of records.

    Parameters
    ----------
    description : object
        Result of `describe`.

    Yields
    ------
    text : str
        Texts and keys; those with a colon also in parts.

    Examples
    --------
    >>> from dustest.data.identity.describe import texts_in
    >>> list(texts_in({"law": ["SMC", 2.7]}))
    ['law', 'SMC']
    """
    if isinstance(description, str):
        yield description
        if ":" in description:
            yield from description.split(":")
    elif isinstance(description, dict):
        yield from texts_in([*description, *description.values()])
    elif isinstance(description, list | tuple):
        for item in description:
            yield from texts_in(item)


def _class(cls, of):
    """A class by its name and the code without version."""
    foreign = [base for base in cls.__mro__ if base.__module__.split(".")[0] not in _VERSIONED]
    code = {class_path(base): _members(base, of) for base in foreign}
    return {"class": class_path(cls)} | ({"code": code} if code else {})


def _members(cls, of):
    """Functions and plain values of a class."""
    found = {}
    for name, member in vars(cls).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if isinstance(function, FunctionType | str | int | float | tuple) and name != "__doc__":
            found[name] = of(function)
    return found


def _describe(value, inside):
    """Description of a value inside others, whose ids are known."""
    if value is None or type(value) in (bool, int, str):
        return value
    if id(value) in inside:
        return {"again": len(inside) - inside.index(id(value))}
    of = partial(_describe, inside=(*inside, id(value)))
    return next(rule for fits, rule in _RULES if fits(value))(value, of)


def _named(value, of, **entries):
    """The class of a value with its properties."""
    return _class(type(value), of) | entries


def _is(*kinds):
    """Whether values are of some types."""
    return lambda value: isinstance(value, kinds)


def _has(*names):
    """Whether objects, and not classes, have some attributes."""
    return lambda value: (
        not isinstance(value, type) and all(hasattr(value, name) for name in names)
    )


def _float(value, of):  # noqa: ARG001
    """A number; JSON has no infinite numbers."""
    return float(value) if np.isfinite(value) else {"number": str(float(value))}


def _scalar(value, of):
    """A scalar of numpy."""
    plain = value.item()
    return of(plain) if not isinstance(plain, np.generic) else _named(value, of, value=str(plain))


def _mapping(value, of):
    """Entries by key, in any order."""
    if all(type(key) is str for key in value):
        return {key: of(item) for key, item in value.items()}
    pairs = [[of(key), of(item)] for key, item in value.items()]
    return {"mapping": sorted(pairs, key=_sortable)}


def _sortable(description):
    """A description as text."""
    return json.dumps(description, sort_keys=True)


def _sequence(value, of):
    """Items in order."""
    return [of(item) for item in value]


def _set(value, of):
    """Items in a sorted order."""
    return {"set": sorted(map(of, value), key=_sortable)}


def _quantity(value, of):
    """Numbers and their unit."""
    return {"value": of(value.value), "unit": _unit(value.unit, of)}


def _unit(value, of):
    """A unit by its name, and by its definition if it is a user's unit."""
    name = value.to_string()
    try:
        known = u.Unit(name) == value
    except ValueError:
        known = False
    return name if known else {"unit": name, "is": of(value.decompose().to_string())}


def _array(value, of):
    """An array by its numbers, or by a digest if there are many."""
    if isinstance(value, np.ma.MaskedArray):
        return {"masked": of(np.ma.getmaskarray(value)), "values": of(value.filled())}
    array = np.asarray(value)
    if array.ndim == 0:
        return of(array.item())
    if array.dtype.kind == "O" or array.size <= _MOST_LISTED:
        listed = [of(item) for item in array.ravel().tolist()]
        return {"array": listed, "dtype": array.dtype.str, "shape": list(array.shape)}
    digest = _digest(np.ascontiguousarray(array).tobytes())
    return {"digest": digest, "dtype": array.dtype.str, "shape": list(array.shape)}


def _digest(content):
    """Digest of bytes."""
    return blake2b(content, digest_size=16).hexdigest()


def _bytes(value, of):  # noqa: ARG001
    """Bytes by their digest."""
    return {"bytes": _digest(bytes(value)), "length": len(value)}


def _table(value, of):
    """Columns by name."""
    return _named(value, of, columns=[[name, of(value[name])] for name in value.colnames])


def _estimator(value, of):
    """Parameters and learned attributes."""
    learned = {
        name: item
        for name, item in vars(value).items()
        if name.endswith("_") and not name.startswith("_")
    }
    # Estimators of dustest take some parameters from a preset.
    parameters = getattr(value, "params_in_use", None) or value.get_params(deep=False)
    return _named(value, of, parameters=of(parameters), learned=of(learned))


def _with_to_dict(value, of):
    """An object with its own description."""
    return _named(value, of) | of(dict(value.to_dict()))


def _cosmology(value, of):
    """Parameters of a cosmology."""
    return _named(value, of, parameters=of(dict(value.parameters)))


def _model(value, of):
    """Parameters of a model of astropy, and its tables; parts of a sum."""
    if hasattr(value, "op"):
        return _named(value, of, op=of(value.op), parts=[of(value.left), of(value.right)])
    parameters = {name: of(getattr(value, name).quantity) for name in value.param_names}
    if any(item is None for item in parameters.values()):
        parameters = {name: of(getattr(value, name).value) for name in value.param_names}
    held = {
        name: of(item)
        for name, item in vars(value).items()
        if not name.startswith("_") and name not in value.param_names
    }
    return _named(value, of, parameters=parameters, held=held)


def _record(value, of):
    """Fields of a dataclass."""
    return _named(value, of) | {item.name: of(getattr(value, item.name)) for item in fields(value)}


def _generator(value, of):
    """State of a generator of random numbers."""
    source = getattr(value, "bit_generator", None)
    state = value.get_state(legacy=False) if source is None else source.state
    return _named(value, of, state=of(state))


def _function(value, of):
    """Code of a function, and everything that it uses from its module."""
    return {
        "function": class_path(value),
        "code": _digest(json.dumps(_code(value.__code__, of)).encode()),
        "defaults": of([value.__defaults__, value.__kwdefaults__]),
        "closure": [of(cell.cell_contents) for cell in value.__closure__ or ()],
        "globals": _globals(value, of),
    }


def _code(code, of):
    """Instructions, names and constants of compiled code."""
    constants = [
        _code(item, of) if isinstance(item, CodeType) else of(item) for item in code.co_consts
    ]
    return [code.co_code.hex(), constants, code.co_names, code.co_varnames, code.co_freevars]


def _globals(function, of):
    """Plain values and functions of its module that a function uses."""
    names = _names(function.__code__)
    found = {name: function.__globals__[name] for name in names if name in function.__globals__}
    return {
        name: of(item)
        for name, item in sorted(found.items())
        if isinstance(item, bool | int | float | str | tuple | np.ndarray)
        or (isinstance(item, FunctionType) and item.__module__ == function.__module__)
    }


def _names(code):
    """Names that compiled code and the functions inside it use."""
    inner = [_names(item) for item in code.co_consts if isinstance(item, CodeType)]
    return set(code.co_names).union(*inner)


def _method(value, of):
    """A function bound to an object."""
    return {"method": of(getattr(value, "__func__", value.__name__)), "of": of(value.__self__)}


def _builtin(value, of):
    """A function of compiled code."""
    owner = getattr(value, "__self__", None)
    if owner is None or isinstance(owner, ModuleType):
        return {"function": f"{getattr(value, '__module__', None)}.{value.__name__}"}
    return _method(value, of)


def _partial(value, of):
    """A function with some of its arguments."""
    return {"partial": of(value.func), "args": of(value.args), "keywords": of(value.keywords)}


def _state(value, of):
    """State of any object that can be pickled."""
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return _named(value, of, name=reduced)
    constructor, arguments, *state = reduced
    parts = [list(part) if hasattr(part, "__next__") else part for part in state]
    states = [of(_without_caches(type(value), part)) for part in parts]
    return _named(value, of, made=of(constructor), arguments=of(arguments), state=states)


def _is_distribution(value):
    """Whether a value is a distribution of scipy, or of a class of the user's made from one."""
    bases = {base.__module__.partition("._")[0] for base in type(value).__mro__}
    return "scipy.stats" in bases and hasattr(value, "_random_state")


def _distribution(value, of):
    """A distribution without its documentation, and without the generator of its draws.

    The generator is that of numpy, whose state is another in each process.
    """
    state = value.__reduce_ex__(4)[2]
    ignored = ("__doc__", "_random_state")
    return _named(value, of, state=of({k: v for k, v in state.items() if k not in ignored}))


def _without_caches(cls, state):
    """Attributes that are not derived from others."""
    if not isinstance(state, dict):
        return state
    return {
        name: item
        for name, item in state.items()
        if not isinstance(getattr(cls, str(name), None), cached_property)
    }


_RULES = (
    (_is(Enum), lambda value, of: _named(value, of, name=value.name)),
    (_is(float), _float),
    (_is(int), lambda value, of: int(value)),  # noqa: ARG005
    (_is(str), lambda value, of: str(value)),  # noqa: ARG005
    (_is(np.generic), _scalar),
    (_is(Mapping), _mapping),
    (_is(set, frozenset), _set),
    (_is(list, tuple), _sequence),
    (_is(u.Quantity, u.FunctionQuantity), _quantity),
    (_is(u.UnitBase, u.FunctionUnitBase), _unit),
    (_is(np.ndarray), _array),
    (_is(Table), _table),
    (_is(bytes, bytearray), _bytes),
    (_is(os.PathLike), lambda value, of: os.fspath(value)),  # noqa: ARG005
    (_is(type), lambda value, of: {"class": class_path(value)}),  # noqa: ARG005
    (_is(ModuleType), lambda value, of: {"module": value.__name__}),  # noqa: ARG005
    (_is(FunctionType), _function),
    (_is(MethodType), _method),
    (_is(BuiltinFunctionType, np.ufunc), _builtin),
    (_is(partial), _partial),
    (_is(np.random.Generator, np.random.RandomState), _generator),
    (_has("get_params", "set_params"), _estimator),
    (_is_distribution, _distribution),
    (_has("param_names", "parameters"), _model),
    (lambda value: isinstance(getattr(value, "parameters", None), Mapping), _cosmology),
    (_has("to_dict"), _with_to_dict),
    (lambda value: is_dataclass(value) and not isinstance(value, type), _record),
    (lambda value: True, _state),  # noqa: ARG005
)
"""Rules for descriptions; the first that matches is used."""
