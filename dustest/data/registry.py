"""Registries: records of one kind by name, of dustest and of plugins."""

import pickle
import warnings
from collections.abc import Mapping
from contextlib import contextmanager

import cloudpickle

from dustest.data.checks.records import check_texts, expect, is_text
from dustest.data.cited import is_reference
from dustest.data.errors import DustestWarning, InputError
from dustest.data.messages import not_one_of
from dustest.data.plugins import load_plugins

__all__ = [
    "Registry",
    "add_records",
    "added_records",
    "named_records",
    "pack",
    "temporary_records",
    "unpack",
]

_REGISTRIES = {}


class Registry(Mapping):
    """Records by name, in the order in which they were registered.

    A registry is a mapping: ``registry[name]`` takes names and aliases in any letter case. The
    first look-up loads the installed plugins, see `~dustest.data.plugins.load_plugins`.

    Parameters
    ----------
    kind : str
        Kind of the records, for messages, such as ``"dust law"``.
    record_class : type
        Class of the records. They have a ``name``, and may have ``aliases`` and ``references``.
    records : iterable of record_class, optional
        The records of dustest itself.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from dustest.data.registry import Registry
    >>> @dataclass(frozen=True)
    ... class Metal:
    ...     name: str
    ...     aliases: tuple = ()
    >>> metals = Registry("metal", Metal, [Metal("iron", aliases=("Fe",))])
    >>> metals["fe"].name, list(metals), metals.find("Iron", "metal").name
    ('iron', ['iron'], 'iron')
    """

    def __init__(self, kind, record_class, records=()):
        self.kind, self._record_class = kind, record_class
        self._records, self._by_key, self._n_own = {}, {}, 0
        for record in records:
            self._add(record)
        self._n_own = len(self._records)
        _REGISTRIES[kind] = self

    def register(self, record):
        """Add a record.

        Parameters
        ----------
        record : record_class
            A record with a new name and new aliases. A registered record that is equal in all
            fields changes nothing.

        Returns
        -------
        record : record_class
            The same record.

        Raises
        ------
        InputError
            If it is not such a record, its name, aliases or references are not of the right type,
            a reference is neither a key of dustest's own nor a BibTeX entry, or its name or an
            alias is taken.
        """
        self._check(record)
        load_plugins()
        if self._records.get(record.name) == record:
            return record
        for name in _names(record):
            if _key(name) in self._by_key:
                owner = self._by_key[_key(name)]
                known = "" if name == owner else f", as {owner!r}"
                msg = (
                    f"{self.kind} {name!r} is registered already{known}: take another name, or "
                    "start a new Python session for a changed record"
                )
                raise InputError(msg)
        return self._add(record)

    def find(self, name, argument):
        """Look up a record by a name given by a user.

        Parameters
        ----------
        name : str
            Name or alias, in any case.
        argument : str
            Name of the user's argument, for the message.

        Returns
        -------
        record : record_class
            The record.

        Raises
        ------
        InputError
            If there is none.
        """
        try:
            return self[name]
        except KeyError:
            raise InputError(not_one_of(argument, name, list(self))) from None

    def own(self):
        """List the records of dustest itself.

        Returns
        -------
        records : tuple of record_class
            In their order.
        """
        return tuple(self._records.values())[: self._n_own]

    def added(self):
        """List the records that are not dustest's own.

        Returns
        -------
        records : tuple of record_class
            In the order in which they were registered.
        """
        load_plugins()
        return tuple(self._records.values())[self._n_own :]

    def _check(self, record):
        """Raise an error if the fields that all records share are not of the right type."""
        noun = _with_article(self.kind)
        if not isinstance(record, self._record_class):
            expected = _with_article(self._record_class.__name__)
            msg = f"{noun} must be {expected}, got {type(record).__name__} {record!r:.80}"
            raise InputError(msg)
        expect(is_text(record.name), f"name of {noun}", "a str that is not empty", record.name)
        what = f"of {self.kind} {record.name!r}"
        check_texts(getattr(record, "aliases", ()), f"aliases {what}")
        references = getattr(record, "references", ())
        check_texts(references, f"references {what}")
        for one in references:
            expected = "keys of references that dustest has, or BibTeX entries"
            expect(is_reference(one), f"references {what}", expected, one)

    def _add(self, record):
        """Add a record without checks."""
        self._records[record.name] = record
        self._by_key |= {_key(name): record.name for name in _names(record)}
        return record

    def __getitem__(self, name):
        load_plugins()
        if not isinstance(name, str):
            raise KeyError(name)
        return self._records[self._by_key[_key(name)]]

    def __iter__(self):
        load_plugins()
        return iter(self._records)

    def __len__(self):
        load_plugins()
        return len(self._records)

    def __repr__(self):
        return f"<{self.kind}: {', '.join(self)}>"


def _names(record):
    """Name and aliases of a record."""
    return (record.name, *getattr(record, "aliases", ()))


def _with_article(noun):
    """A noun with its article."""
    return f"{'an' if noun[0] in 'aeiouAEIOU' else 'a'} {noun}"


def _key(name):
    """The form in which names are compared."""
    return name.casefold()


@contextmanager
def temporary_records():
    """Remove records that are registered in a ``with`` block at its end, for tests.

    Yields
    ------
    None
        Nothing.

    Examples
    --------
    >>> from dustest.data.registry import temporary_records
    >>> from dustest.physics import PowerLaw, list_dust_laws, register_dust_law
    >>> with temporary_records():
    ...     law = register_dust_law(PowerLaw(1.3), name="mine")
    >>> "mine" in list_dust_laws()
    False
    """
    load_plugins()
    before = {kind: (dict(one._records), dict(one._by_key)) for kind, one in _REGISTRIES.items()}
    try:
        yield
    finally:
        for kind, (records, by_key) in before.items():
            _REGISTRIES[kind]._records, _REGISTRIES[kind]._by_key = records, by_key


def added_records():
    """Collect the records of this process that are not dustest's own, for worker processes.

    Returns
    -------
    records : dict of str to tuple
        By kind of record; argument of `add_records` in a worker process.

    Warns
    -----
    DustestWarning
        If a record cannot be pickled; it is left out.

    Examples
    --------
    >>> from dustest.data.registry import added_records
    >>> isinstance(added_records(), dict)
    True
    """
    found = {
        kind: tuple(record for record in registry.added() if _is_portable(kind, record))
        for kind, registry in _REGISTRIES.items()
    }
    return {kind: records for kind, records in found.items() if records}


def named_records(names):
    """Collect the records that are not dustest's own and have one of some names.

    Parameters
    ----------
    names : iterable of str
        Names or aliases, in any letter case.

    Returns
    -------
    records : dict of str to list
        By kind of record.

    Examples
    --------
    >>> from dustest.data.registry import named_records, temporary_records
    >>> from dustest.physics import PowerLaw, register_dust_law
    >>> with temporary_records():
    ...     law = register_dust_law(PowerLaw(1.3), name="mine")
    ...     print(list(named_records(["Mine", "SMC"])))
    ['dust law']
    """
    wanted = set(map(_key, names))
    found = {
        kind: [one for one in registry.added() if wanted.intersection(map(_key, _names(one)))]
        for kind, registry in _REGISTRIES.items()
    }
    return {kind: records for kind, records in found.items() if records}


def _is_portable(kind, record):
    """Whether a record can be pickled; a warning if not."""
    try:
        cloudpickle.dumps(record)
    except Exception as error:  # noqa: BLE001 - a stranger's record may fail in any way
        msg = (
            f"{kind} {record.name!r} cannot be sent to worker processes, which do without it: "
            f"{type(error).__name__}: {error}"
        )
        warnings.warn(msg, DustestWarning, stacklevel=4)
        return False
    return True


def add_records(records):
    """Register the records of the process that started this one.

    Parameters
    ----------
    records : dict of str to tuple
        Result of `added_records`. Records with known names are not changed.

    Examples
    --------
    >>> from dustest.data.registry import add_records
    >>> add_records({})
    """
    for kind, found in records.items():
        for record in found:
            if record.name not in _REGISTRIES[kind]:
                _REGISTRIES[kind].register(record)


def pack(payload):
    """Pickle an object for a worker process, with all added records.

    Parameters
    ----------
    payload : object
        Any object that cloudpickle supports.

    Returns
    -------
    packed : bytes
        Argument of `unpack`.

    Examples
    --------
    >>> from dustest.data.registry import pack, unpack
    >>> unpack(pack({"a": 1}))
    {'a': 1}
    """
    return cloudpickle.dumps((added_records(), cloudpickle.dumps(payload)))


def unpack(packed):
    """Register the records of a pickle, and unpickle its object.

    Parameters
    ----------
    packed : bytes
        Result of `pack` in the process that started this one, never from a file.

    Returns
    -------
    payload : object
        The object.
    """
    records, payload = pickle.loads(packed)
    add_records(records)
    return pickle.loads(payload)
