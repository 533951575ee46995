"""Every figure that a test of this folder draws can be read by everybody."""

import pytest

from course_utils.plots import legibility, style


@pytest.fixture(autouse=True)
def everybody_can_read_the_figures(monkeypatch: pytest.MonkeyPatch):
    drawn, canvas = [], style.canvas

    def remembering(*args, **options):
        figure, axes = canvas(*args, **options)
        drawn.append(figure)
        return figure, axes

    for name in modules():
        monkeypatch.setattr(name, "canvas", remembering)
    yield
    faults = [fault for figure in drawn[:3] for fault in legibility.faults(figure)]  # more would take long
    assert not faults, "\n".join(faults)


def modules() -> list:
    """The modules of course_utils.plots that draw: `canvas` is a name of theirs."""
    import importlib
    import pkgutil

    from course_utils import plots

    found = [
        importlib.import_module(f"{plots.__name__}.{module.name}") for module in pkgutil.iter_modules(plots.__path__)
    ]
    return [module for module in found if hasattr(module, "canvas")]
