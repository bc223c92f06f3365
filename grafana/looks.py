"""How panels look: colours, legends, thresholds, words for values, exceptions for single fields."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import common, dashboard
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import (
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    ScaleDistribution,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE = "green", "yellow", "orange", "red", "blue", "purple"
GREY = "#8e8e8e"
PLAIN = "text"
"""The colour of text, which suits the dark theme and the light one."""

Mapped = Mapping[str, tuple[str, str]]
"""By value, as text: the word that is shown and its colour."""


def by_name() -> dashboard.FieldColor:
    """Colour a curve by its name, so that it keeps its colour when others come and go."""
    return dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def one_by_one() -> dashboard.FieldColor:
    """Colour curves in the order of their names: the colours are as different as can be."""
    return dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC)


def fixed(color: str) -> dashboard.FieldColor:
    """Return one colour for everything."""
    return dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(color)


def legend(*calcs: str) -> common.VizLegendOptions:
    """Return a legend below the curves: a list, or a table with these figures of each curve."""
    mode = LegendDisplayMode.TABLE if calcs else LegendDisplayMode.LIST
    below = common.VizLegendOptions().placement(LegendPlacement.BOTTOM).display_mode(mode)
    return below.show_legend(show_legend=True).calcs(list(calcs))


def tooltip() -> common.VizTooltipOptions:
    """Return a tooltip with all curves, the highest first."""
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)


def steps(colors: Mapping[float | None, str]) -> dashboard.ThresholdsConfig:
    """Return a colour from each value upwards; None is the colour below all others."""
    found = [model.Threshold(value, color) for value, color in colors.items()]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(found)


def lines() -> common.GraphThresholdsStyleConfig:
    """Draw thresholds as lines across the curves."""
    return common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE)


def mappings(mapped: Mapped) -> list[model.ValueMapping]:
    """Return what is shown instead of values."""
    results = {
        value: model.ValueMappingResult(text, color, index=index)
        for index, (value, (text, color)) in enumerate(mapped.items())
    }
    return [model.ValueMap(results)]


def log_scale() -> common.ScaleDistributionConfig:
    """Return an axis on which each tenfold takes the same room."""
    return common.ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10)


def colored(color: str) -> Property:
    """Give the fields of an override one colour."""
    return Property("color", {"mode": "fixed", "fixedColor": color})


def unit(name: str) -> Property:
    """Give the fields of an override a unit."""
    return Property("unit", name)


def dashed() -> Property:
    """Draw the curves of an override dashed."""
    return Property("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})


def thick() -> Property:
    """Draw the curves of an override thicker than others."""
    return Property("custom.lineWidth", 2)


def pointed() -> Property:
    """Draw the points of an override's curves, each of which is something that was done."""
    return Property("custom.showPoints", "always")


def decimals(count: int) -> Property:
    """Give the numbers of an override so many digits after the point."""
    return Property("decimals", count)


def width(pixels: int) -> Property:
    """Give a column of a table its width."""
    return Property("custom.width", pixels)


def colored_cell() -> Property:
    """Write in the colour that mappings or thresholds give."""
    return Property("custom.cellOptions", {"type": "color-text"})


def bar() -> Property:
    """Draw the number as a bar in its cell, from the least to the most that the field can have."""
    return Property("custom.cellOptions", {"type": "gauge", "mode": "basic"})


def within(low: float, high: float) -> tuple[Property, Property]:
    """Say between which numbers the bars or colours of a field lie."""
    return Property("min", low), Property("max", high)


def levels(colors: Mapping[float | None, str]) -> Property:
    """Give the fields of an override a colour from each value upwards."""
    return Property("thresholds", steps(colors).build().to_json())


def wrapped() -> Property:
    """Write long text on several lines."""
    return Property("custom.cellOptions", {"type": "auto", "wrapText": True})


def invisible() -> tuple[Property, Property]:
    """Keep a column of a table for links without showing it, in Grafana to 12.1 and since."""
    everywhere = {"viz": True, "legend": True, "tooltip": True}
    return Property("custom.hidden", value=True), Property("custom.hideFrom", everywhere)


def mapped(words_by_value: Mapped) -> Property:
    """Show words instead of the values of an override's fields."""
    return Property("mappings", [mapping.to_json() for mapping in mappings(words_by_value)])


def link(title: str, url: str) -> Property:
    """Let the fields of an override lead elsewhere."""
    return Property("links", [{"title": title, "url": url}])
