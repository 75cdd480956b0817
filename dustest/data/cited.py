"""References of what a result used: keys of dustest, or BibTeX entries."""

import re
from functools import cache
from importlib.resources import files

__all__ = ["Cited", "is_reference", "own_references"]

_KEY = re.compile(r"@\w+\s*\{\s*([^\s,]+)\s*,")
_ENTRY = re.compile(r"^@\w+\{(\S+),\n.*?^\}$", re.MULTILINE | re.DOTALL)


@cache
def own_references():
    """Read the references of dustest.

    Returns
    -------
    entries : dict of str to str
        BibTeX entries by their key.

    Examples
    --------
    >>> from dustest.data.cited import own_references
    >>> print(own_references()["Meurer1999"].splitlines()[0])
    @article{Meurer1999,
    """
    text = (files("dustest") / "resources" / "references.bib").read_text(encoding="ascii")
    return {match[1]: match[0] for match in _ENTRY.finditer(text)}


def is_reference(text):
    """Whether a text is a key of dustest's references or a BibTeX entry.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    answer : bool
        Whether it is.

    Examples
    --------
    >>> from dustest.data.cited import is_reference
    >>> is_reference("Meurer1999"), is_reference("Meurer et al. 1999")
    (True, False)
    """
    return text in own_references() or _KEY.search(text) is not None


class Cited:
    """References of one result, and its parts without references.

    Parameters
    ----------
    label : str
        Label of the result.

    Attributes
    ----------
    keys : list of str
        Keys of the references of dustest.
    entries : dict of str to str
        BibTeX entries of plugins by their key.
    gaps : list of str
        Sentences on parts without a reference.

    Examples
    --------
    >>> from dustest.data.cited import Cited
    >>> cited = Cited("beta")
    >>> cited.use("Meurer1999")
    >>> cited.choose("dust law", "Mine", None)
    >>> cited.lines()
    ['% beta: Meurer1999', '% beta: no reference is known for the dust law Mine']
    """

    def __init__(self, label):
        self.label = label
        self.keys, self.entries, self.gaps = [], {}, []

    def use(self, *references):
        """Add references.

        Parameters
        ----------
        *references : str
            Keys of the references of dustest, or BibTeX entries.
        """
        for reference in references:
            found = _KEY.search(reference)
            if found:
                self.entries[found[1]] = reference.strip()
            else:
                self.keys.append(reference)

    def choose(self, what, name, references):
        """Add the references of one of several methods.

        Parameters
        ----------
        what : str
            Kind of the method, such as ``"dust law"``.
        name : str or None
            Its name; None if the result does not say it.
        references : sequence of str or None
            Those of the method; None if it is unknown.
        """
        if name is None:
            self.gaps.append(f"its meta does not tell the {what}")
        elif references is None:
            self.gaps.append(f"no reference is known for the {what} {name}")
        self.use(*(references or ()))

    def record(self, what, described, registry):
        """Add the references of a record.

        Parameters
        ----------
        what : str
            Kind of the record.
        described : str, dict or None
            Its name, or a description that has a ``name``.
        registry : Registry
            Registry of the record.
        """
        name = described.get("name") if isinstance(described, dict) else described
        known = registry.get(name) if isinstance(name, str) else None
        self.choose(what, name, None if known is None else known.references)

    def lines(self):
        """Write comments, escaped so that BibTeX takes nothing in them for an entry.

        Returns
        -------
        lines : list of str
            Each begins with ``%``.
        """
        names = sorted({*self.keys, *self.entries}, key=str.lower)
        texts = [", ".join(names), *self.gaps] if names else self.gaps
        lines = [" ".join(f"% {self.label}: {text}".split()) for text in texts]
        return [line.replace("@", "(at)") for line in lines]
