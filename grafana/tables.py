"""Tables put together from one query for each column, and matrices of rows by columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase

from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from grafana.looks import invisible, unit
from grafana.panels import About, described
from grafana.targets import Target, rows
from grafana.units import TEXT

REFS = (*ascii_uppercase, *(f"A{letter}" for letter in ascii_uppercase))
HIDDEN = ""
"""The title of a column that is there for links alone."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one query adds to a table of things that several queries tell of.

    The value is a column with this title, unless that is HIDDEN; `labels` are more columns, by
    label the title. Titles are unique in a table. `looks` are properties of the value's field,
    `label_looks` those of the labels' fields.
    """

    expr: str
    title: str = HIDDEN
    unit: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    looks: Sequence[Property] = ()
    label_looks: Sequence[Property] = ()


def table(about: About, *targets: Target) -> tables.Panel:
    """Return a table of what the targets bring as rows."""
    panel = tables.Panel().show_header(show_header=True).filterable(filterable=True)
    # Words are no numbers, even where they look like some: 0.003 is not to be made 0.00300.
    panel.override_by_field_type("string", [unit(TEXT)])
    # What is said of an empty panel would be said in each empty cell as well.
    panel.override_by_regexp("/.*/", [Property("noValue", "–")])  # noqa: RUF001 - a dash is meant
    return described(panel, about, targets).span(24).height(8)


def merged(about: About, keys: Mapping[str, str], columns: Sequence[Column]) -> tables.Panel:
    """Return a table with a row for each combination of the labels `keys`, given with titles.

    Each query must have all `keys` and beside them only the labels of its column. Where a query
    knows nothing of a row, its cell is empty; nothing else is lost. Keys whose title is HIDDEN are
    there for links alone, by their own names.
    """
    panel = table(about, *(rows(column.expr, ref) for ref, column in _refs(columns)))
    titles = {key: title or key for key, title in keys.items()}
    for ref, column in _refs(columns):
        # The answer to a single query calls its values just so.
        alone = {"Value": column.title} if len(columns) == 1 else {}
        titles |= {**column.labels, **alone, f"Value #{ref}": column.title}
        _describe(panel, column)
    for key in (key for key, title in keys.items() if title == HIDDEN):
        panel.override_by_name(key, list(invisible()))
    return panel.transformations([transformation("merge"), arranged(titles)])


def _refs(columns: Sequence[Column]) -> Iterator[tuple[str, Column]]:
    return zip(REFS, columns, strict=False)


def _describe(panel: tables.Panel, column: Column) -> None:
    own = [*([unit(column.unit)] if column.unit else []), *column.looks]
    if column.title and own:
        panel.override_by_name(column.title, own)
    for title in column.labels.values() if column.label_looks else ():
        panel.override_by_name(title, list(column.label_looks))


def arranged(titles: Mapping[str, str]) -> DataTransformerConfig:
    """Put columns, given by field, into this order under these titles, and hide the rest."""
    return transformation(
        "organize",
        excludeByName={"Time": True} | {f: True for f, title in titles.items() if not title},
        indexByName={field: index for index, field in enumerate(titles)},
        renameByName={field: title for field, title in titles.items() if title},
    )


def matrix(row: str, column: str, cell: str) -> DataTransformerConfig:
    """Turn rows into a matrix; a cell of which nothing is known is null and not a word."""
    fields = {"rowField": row, "columnField": column, "valueField": cell}
    return transformation("groupingToMatrix", **fields, emptyValue="null")


def crossed(row: str, column: str, cell: str, title: str) -> list[DataTransformerConfig]:
    """Return the steps to a row for each value of a label, a column for each of another.

    Both come in alphabetical order. `title` heads the column with the names of the rows; `cell` is
    a label, or `Value`.
    """
    return [
        sorted_by(column),
        matrix(row, column, cell),
        renamed({left_of(row, column): title}),
        sorted_by(title),
    ]


def left_of(row: str, column: str) -> str:
    """Return what a matrix calls the column with the names of its rows.

    Neither these fields nor the cells may be renamed before: in Grafana 11 the new name of the
    cells would be that of each column.
    """
    return f"{row}\\{column}"


def sorted_by(field: str) -> DataTransformerConfig:
    """Sort rows by a field, and leave those with equal values in their order."""
    return transformation("sortBy", sort=[{"field": field}])


def renamed(titles: Mapping[str, str]) -> DataTransformerConfig:
    """Give fields new names."""
    return transformation("organize", renameByName=dict(titles))


def transformation(name: str, **options: object) -> DataTransformerConfig:
    """Return one step between the answers of queries and the panel."""
    return DataTransformerConfig(name, options=options)
