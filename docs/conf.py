"""Sphinx configuration."""

import builtins
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx_astropy.conf.v3 import *  # noqa: F403
from sphinx_astropy.conf.v3 import exclude_patterns, extensions, intersphinx_mapping

HERE = Path(__file__).parent

OFFLINE = bool(os.environ.get("DUSTEST_DOCS_OFFLINE"))

# -- Project ---------------------------------------------------------------------------------

project = "dustest"
author = "dustest developers"
copyright = f"2026, {author}"
release = installed_version(project)
version = release.split("+")[0]

# -- General ---------------------------------------------------------------------------------

sys.path.insert(0, str(HERE))
extensions += ["sphinx_gallery.gen_gallery", "generated_tables"]
exclude_patterns += ["**/_*.rst", "gallery/**/*.ipynb"]
automodapi_toctreedirnm = "reference/api"
templates_path = []

# -- Links -----------------------------------------------------------------------------------

nitpicky = True
nitpick_ignore = [
    tuple(line.split(None, 1))
    for line in (HERE / "nitpick-exceptions.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

if OFFLINE:
    # Without the inventories of other projects only dustest's own names can be resolved.
    intersphinx_mapping.clear()
    nitpick_ignore_regex = [
        ("py:.*", r"(astropy|dask|dust_extinction|joblib|matplotlib|numpy|photutils)\..*"),
        ("py:.*", r"(scipy|sedpy|sklearn)\..*"),
        ("py:.*", rf"({'|'.join(sys.stdlib_module_names)})(\..*)?"),
        ("py:.*", rf"({'|'.join(dir(builtins))})"),
        ("std:(ref|term)", "metadata_routing|meta-estimator"),
    ]
else:
    intersphinx_mapping["photutils"] = ("https://photutils.readthedocs.io/en/stable/", None)
    intersphinx_mapping["sklearn"] = ("https://scikit-learn.org/stable/", None)
    intersphinx_mapping["dust_extinction"] = (
        "https://dust-extinction.readthedocs.io/en/stable/",
        None,
    )

# -- Output ----------------------------------------------------------------------------------

html_title = f"{project} {version}"
htmlhelp_basename = f"{project}doc"

# -- Figures of pages ------------------------------------------------------------------------

plot_formats = [("png", 120)]
plot_html_show_formats = False
plot_html_show_source_link = False

# -- Gallery: every example is executed ------------------------------------------------------

sphinx_gallery_conf = {
    "capture_repr": (),  # figures speak for themselves
    "abort_on_example_error": True,
    "backreferences_dir": None,
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "min_reported_time": 5,
    "show_memory": False,
    "write_computation_times": False,
}


def resolve_by_name(app, env, node, contnode):
    """Link a public name to the one place where it is documented, wherever it was looked for."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or ("." in target and not target.startswith("dustest.")):
        return None
    python = env.domains["py"]
    homes = [
        full
        for full, entry in python.objects.items()
        if full.rsplit(".", 1)[-1] == target.rsplit(".", 1)[-1] and not entry.aliased
    ]
    if len(homes) != 1:
        return None
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", homes[0], node, contnode)


def setup(app):
    """Mend links after pages are read."""
    app.connect("missing-reference", resolve_by_name)
