"""Figures of one galaxy of the demo."""

from functools import cache

import matplotlib.pyplot as plt

from dustest import BagpipesEstimator, MeurerEstimator
from dustest.io import load_demo
from dustest.report import plot_galaxy

GALAXY = 7


@cache
def _results():
    """The galaxy, its truth, and the results of two methods."""
    sample, truth = load_demo()
    row = int(sample["id"].tolist().index(GALAXY))
    galaxy = sample[row : row + 1]
    methods = {"sed": BagpipesEstimator(random_state=1), "meurer": MeurerEstimator()}
    tables = {name: method.estimate(galaxy, draws=1000) for name, method in methods.items()}
    return galaxy, truth, tables


def sed():
    """The fit."""
    _results()[2]["sed"].plot_sed(GALAXY, figure=_figure(5.3, 3.6))


def posterior():
    """Some parameters of the posterior."""
    names = ("A_V", "log_sSFR", "log_mass", "dust:delta", "log_age")
    figure = _figure(5.5, 5.5, layout=None)
    _results()[2]["sed"].plot_corner(GALAXY, parameters=names, figure=figure)


def slope():
    """The slope."""
    _results()[2]["meurer"].plot_beta(GALAXY, ax=_figure(4.3, 2.8).subplots())


def methods():
    """Both methods."""
    galaxy, truth, tables = _results()
    plot_galaxy(tables, GALAXY, galaxy, truth=truth, figure=_figure(7.1, 5.9))


def _figure(width, height, layout="constrained"):
    """A figure of pyplot, from which Sphinx takes it."""
    return plt.figure(figsize=(width, height), dpi=120, layout=layout)
