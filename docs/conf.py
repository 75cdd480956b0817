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

extensions += ["sphinx_gallery.gen_gallery"]
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
        ("std:term", r"(astropy|numpy|python|scikit-learn)?:?.*"),
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

# -- Gallery: every example is executed ------------------------------------------------------

sphinx_gallery_conf = {
    "abort_on_example_error": True,
    "backreferences_dir": None,
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "min_reported_time": 5,
    "show_memory": False,
    "write_computation_times": False,
}


def write_flags_table(_app):
    """Write the table of the flags page from the records that the code itself uses."""
    from dustest.data import FLAGS

    rows = [
        ".. list-table::",
        "   :header-rows: 1",
        "",
        *_table_row("Bit", "Value", "Name", "Meaning"),
    ]
    for flag in FLAGS.values():
        rows += _table_row(flag.bit, flag.value, f"``{flag.name}``", flag.description)
    (HERE / "user_guide" / "_flags_table.rst").write_text("\n".join(rows) + "\n")


def _table_row(*cells):
    """Lines of one row of a list-table."""
    return [f"   {'*' if number == 0 else ' '} - {cell}" for number, cell in enumerate(cells)]


def resolve_in_wing(app, env, node, contnode):
    """Link ``dustest.wing.module.name`` to ``dustest.wing.name``, where it is documented."""
    parts = node.get("reftarget", "").split(".")
    if node.get("refdomain") != "py" or parts[0] != "dustest" or len(parts) < 4:
        return None
    for target in (".".join(parts[:2] + parts[3:]), ".".join(parts[:2])):
        found = env.domains["py"].resolve_xref(
            env, node["refdoc"], app.builder, "obj", target, node, contnode
        )
        if found is not None:
            return found
    return None


def setup(app):
    """Generate pages before Sphinx reads them, and mend links after."""
    app.connect("builder-inited", write_flags_table)
    app.connect("missing-reference", resolve_in_wing)
