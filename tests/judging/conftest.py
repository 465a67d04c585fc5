"""Evaluations whose figures nobody looks at."""

import pytest


@pytest.fixture(autouse=True)
def small_figures(monkeypatch):
    """Figures are drawn small and without making room for their words, which takes longest; tests/evaluation looks at them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def figure(width, height):
        made = Figure(figsize=(width, height), dpi=20)
        FigureCanvasAgg(made)
        return made

    monkeypatch.setattr("landuse.evaluation.plots.new_figure", figure)
