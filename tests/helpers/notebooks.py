"""Notebooks that are executed, in a fresh interpreter since their kernel is another process."""

import os
import tempfile

from fresh_process import call

_OWN = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


def executed(*cells):
    """Outputs of each cell of a notebook (list of list of dict)."""
    return call(_execute, cells)


def _execute(cells):
    import nbformat
    from nbclient import NotebookClient

    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with tempfile.TemporaryDirectory() as folder:
        # Settings of the user are left out.
        os.environ |= dict.fromkeys(_OWN, folder)
        NotebookClient(made, timeout=600, kernel_name="python3").execute()
    return [[dict(output) for output in cell.outputs] for cell in made.cells]
