"""`ui`: every macro of templates/components under one name, so that a template needs no imports.

Which file a macro is in matters to nobody; two of one name are an error when the pages are loaded.
"""

from types import SimpleNamespace
from typing import Final

import jinja2

_FOLDER: Final = "components/"


def install(templates: jinja2.Environment) -> None:
    ui = SimpleNamespace()
    templates.globals["ui"] = ui
    for name in templates.list_templates(filter_func=lambda name: name.startswith(_FOLDER)):
        for macro, value in vars(templates.get_template(name).module).items():
            if macro.startswith("_") or not callable(value):
                continue
            assert not hasattr(ui, macro), f"{name} defines {macro} once more"
            setattr(ui, macro, value)
