"""Cards of models: how a model was trained, and how accurate it is."""

from numbers import Real

from dustest.data.displays import Display, Heading
from dustest.data.formatting import NOTHING, format_value

__all__ = ["ModelCard", "as_card"]

_SCORES = {
    "mae": "MAE",
    "control_mae": "MAE of the baseline",
    "ratio": "MAE over baseline",
    "bias": "bias",
    "coverage_68": "68 % covers",
    "coverage_90": "90 % covers",
}


class ModelCard(dict):
    """Training and accuracy of a model, in JSON types; displayed as a table of its scores.

    It is an ordinary dict. ``print`` shows its scores and its single entries.

    Examples
    --------
    >>> from dustest.data.model_card import ModelCard
    >>> scores = [{"quantity": "A_V", "mae": 0.1427, "ratio": 0.7523}]
    >>> card = ModelCard(model="mine", population="0.2", metrics=scores)
    >>> card
    <ModelCard of mine: model, population, metrics>
    >>> print(card)
    ModelCard of mine
    quantity     MAE  MAE over baseline
    A_V [mag]  0.143              0.752
    population: 0.2
    """

    def __repr__(self):
        return f"<{self._title}: {', '.join(map(str, self)) or 'empty'}>"

    def __str__(self):
        return self._display.to_text()

    def _repr_html_(self):
        return self._display.to_html()

    @property
    def _title(self):
        """Class and name of the model, if it is known."""
        return "ModelCard" + (f" of {self['model']}" if "model" in self else "")

    @property
    def _display(self):
        """Scores, single entries, and the names of all others."""
        scored = [one for one in _as_list(self.get("metrics")) if isinstance(one, dict)]
        names = [name for name in _SCORES if any(name in one for one in scored)]
        rows = [[_quantity(one), *(_score(one.get(name)) for name in names)] for one in scored]
        heads = ["quantity", *(_SCORES[name] for name in names)]
        others = {key: value for key, value in self.items() if key not in {"model", "metrics"}}
        notes = [f"{key}: {value}" for key, value in others.items() if _is_single(value)]
        if nested := [str(key) for key, value in others.items() if not _is_single(value)]:
            notes.append(f"further entries: {', '.join(nested)}")
        return Display(self._title, heads if rows else (), rows, notes)


def as_card(card):
    """Convert a card of a file or of a user to one that is shown as such.

    Parameters
    ----------
    card : object
        Plain JSON.

    Returns
    -------
    card : ModelCard or object
        The same; only dicts become cards.

    Examples
    --------
    >>> from dustest.data.model_card import as_card
    >>> as_card({"population": "0.2"})
    <ModelCard: population>
    """
    return ModelCard(card) if type(card) is dict else card


def _as_list(value):
    """A list, empty in place of anything else."""
    return value if isinstance(value, list) else []


def _is_single(value):
    """Whether a value is shown in a line."""
    return isinstance(value, str | Real)


def _quantity(scores):
    """Name and unit of the quantity that scores are of."""
    return str(Heading.of(str(scores.get("quantity", NOTHING))))


def _score(value):
    """A score as text."""
    return format_value(value) if isinstance(value, Real) else NOTHING
