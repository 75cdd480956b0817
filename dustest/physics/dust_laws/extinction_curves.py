"""Curves of the dust_extinction package, whose import takes two seconds."""

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

import numpy as np
from astropy import units as u

from dustest.data.errors import InputError
from dustest.data.identity.describe import class_path
from dustest.physics.dust_laws.law import DustLaw, check_law

__all__ = ["LAWS", "ExtinctionCurve", "ExtinctionFamily"]

_PACKAGE = "dust_extinction"
_MILKY_WAY = 3.1


@dataclass(frozen=True, eq=False, repr=False)
class ExtinctionCurve(DustLaw):
    """A curve of the dust_extinction package.

    Parameters
    ----------
    name : str
        The name by which messages call it.
    model : callable or str
        A model that gives A_lambda / A_V for a wavelength Quantity and has ``Rv`` and ``x_range``
        (in inverse micron), such as ``dust_extinction.averages.G03_SMCBar()``; or the name of its
        class within dust_extinction, ``"averages.G03_SMCBar"``, which is imported when the curve
        is first evaluated.
    aliases, references : tuple of str, optional
        As of `DustLaw`.

    Raises
    ------
    InputError
        If the model has no ``Rv`` or ``x_range``, or is not A_lambda / A_V over a range that
        holds the V band.

    Examples
    --------
    >>> from dust_extinction.parameter_averages import CCM89
    >>> from dustest.physics import ExtinctionCurve
    >>> ExtinctionCurve("grey", CCM89(Rv=5.0))
    ExtinctionCurve(name='grey', model=CCM89(Rv=5.0))
    """

    name: str
    model: object
    aliases: tuple = ()
    references: tuple = ()

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.model, str):
            return
        if isinstance(self.model, type) or not (
            callable(self.model) and hasattr(self.model, "Rv")
        ):
            msg = (
                "law must be the name of a law such as 'SMC', an instance of a DustLaw such as "
                f"PowerLaw(n=0.7), or a model of dust_extinction with an Rv, got {self.model!r}"
            )
            raise InputError(msg)
        check_law(self)

    @property
    def _model(self):
        """The model itself."""
        return _library_model(self.model) if isinstance(self.model, str) else self.model

    @property
    def r_v(self):
        """A_V / E(B-V) of the model."""
        r_v = self._model.Rv
        return float(getattr(r_v, "value", r_v))

    @property
    def wavelength_range(self):
        """The range of the model in Angstrom."""
        low, high = self._model.x_range
        return 1e4 / high, 1e4 / low

    def _curve(self, wavelength):
        # Some of the models take one-dimensional input only.
        ratio = self._model(wavelength.ravel() * u.AA)
        return np.asarray(ratio, dtype=float).reshape(wavelength.shape)

    def __repr__(self):
        given = ", ".join(f"{name}={value!r}" for name, value in self._model_parameters().items())
        model = f"{type(self._model).__qualname__}({given})"
        return f"ExtinctionCurve(name={self.name!r}, model={model})"

    def to_dict(self):
        """Describe the law without loss.

        Returns
        -------
        description : dict
            ``name``, ``class``, ``model`` (the model's class) and its ``parameters``; and a
            digest of the ``curve`` where the model is an object that has none, or comes from
            elsewhere than dust_extinction.

        Examples
        --------
        >>> from dustest.physics import get_dust_law
        >>> description = get_dust_law("CCM89", r_v=2.5).to_dict()
        >>> description["model"], description["parameters"]
        ('dust_extinction.parameter_averages.CCM89', {'Rv': 2.5})
        """
        parameters = self._model_parameters()
        model = class_path(type(self._model))
        description = {
            "name": self.name,
            "class": class_path(ExtinctionCurve),
            "model": model,
            "parameters": parameters,
        }
        known = bool(parameters) and model.startswith(f"{_PACKAGE}.")
        return description if known else description | {"curve": self._digest()}

    def _model_parameters(self):
        """Parameters of the model, by name."""
        names = getattr(self._model, "param_names", ())
        return {name: float(getattr(self._model, name).value) for name in names}

    def __reduce__(self):
        # Models with parameters cannot be pickled: send to workers what builds them anew.
        parameters = {} if isinstance(self.model, str) else self._model_parameters()
        if not parameters:
            return super().__reduce__()
        return _rebuild_curve, (self.name, type(self.model), parameters)


@dataclass(frozen=True, eq=False, repr=False)
class ExtinctionFamily(ExtinctionCurve):
    """A curve of dust_extinction that depends on R_V.

    Parameters
    ----------
    name : str
        The name by which messages call it.
    model : str
        Name of the model's class within dust_extinction.
    aliases, references : tuple of str, optional
        As of `DustLaw`.
    r_v : float, optional
        A_V / E(B-V).

    Raises
    ------
    InputError
        If ``r_v`` is out of the range of the family.

    Examples
    --------
    >>> from dustest.physics import get_dust_law
    >>> get_dust_law("F99", r_v=4.0)
    ExtinctionCurve(name='F99', model=F99(Rv=4.0))
    """

    r_v: float = _MILKY_WAY

    def __post_init__(self):
        super().__post_init__()
        if self.r_v == _MILKY_WAY:
            return  # Every family holds it, and the import takes its time.
        low, high = _library_class(self.model).Rv_range
        if not low <= self.r_v <= high:
            msg = (
                f"r_v must lie within {low} to {high} for the dust law {self.name!r}, "
                f"got {self.r_v!r}"
            )
            raise InputError(msg)

    @property
    def shape(self):
        """Nothing: models of dust_extinction have one R_V."""
        return {}

    @property
    def _model(self):
        """The model itself."""
        return _library_model(self.model, Rv=self.r_v)


def _library_class(path):
    """A class of dust_extinction by its name there."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"{_PACKAGE}.{module}"), name)


@lru_cache(maxsize=256)
def _library_model(path, **parameters):
    """A model of dust_extinction."""
    return _library_class(path)(**parameters)


def _rebuild_curve(name, model_class, parameters):
    """A curve whose model is built anew, in the process that unpickles it."""
    return ExtinctionCurve(name, model_class(**parameters))


LAWS = (
    ExtinctionCurve("SMC", "averages.G03_SMCBar", references=("Gordon2003",)),
    ExtinctionCurve("SMC_G24", "averages.G24_SMCAvg", references=("Gordon2024",)),
    ExtinctionCurve("LMC", "averages.G03_LMCAvg", references=("Gordon2003",)),
    ExtinctionFamily(
        "CCM89", "parameter_averages.CCM89", ("MW", "Cardelli"), references=("Cardelli1989",)
    ),
    ExtinctionFamily("F99", "parameter_averages.F99", references=("Fitzpatrick1999",)),
    ExtinctionFamily("G23", "parameter_averages.G23", references=("Gordon2023",)),
)
