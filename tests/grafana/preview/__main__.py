"""`python -m tests.grafana.preview FOLDER PAGES [NAME...]`: dashboards as pages and pictures.

FOLDER was recorded by `python -m tests.grafana.bed FOLDER 480`; PAGES is the folder to write to.
Folded rows stay folded without `--unfold`. Pictures for readers are kept in grafana/pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.grafana.bed.cast import CAST
from tests.grafana.bed.record import Bed, recorded
from tests.grafana.harness.boards import Dashboard, dashboards
from tests.grafana.harness.scope import Scope
from tests.grafana.harness.variables import choose, named
from tests.grafana.preview.layout import WIDTH, boxes, height
from tests.grafana.preview.page import page
from tests.grafana.preview.shots import photograph

SHOWN = "qwen2-7b-sft"
"""The run that is shown alone: it overfits."""
SMOOTH = 5.0
"""The interval of scrapes that queries are told: rates over a few seconds are ragged."""


def main() -> None:
    """Write a page and a picture of each dashboard that was named, or of all."""
    folder, pages, *names = sys.argv[1:]
    unfold = "--unfold" in names
    to = Path(pages).resolve()
    to.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in names if name != "--unfold"]
    with recorded(Path(folder).resolve()) as bed:
        for dashboard in dashboards():
            if not wanted or dashboard.name in wanted:
                write(bed, dashboard, to, unfold=unfold)


def write(bed: Bed, dashboard: Dashboard, folder: Path, *, unfold: bool = False) -> Path:
    """Write the page of a dashboard beside its picture; returns the picture."""
    [run] = [i for part, i in zip(CAST, bed.times.run_ids, strict=True) if part.name == SHOWN]
    scope = Scope(bed.times.begin, bed.times.end, scrape=SMOOTH, step=SMOOTH)
    chosen = choose(bed.prometheus, dashboard, scope, named(run_id=run))
    places = boxes(dashboard, unfold=unfold)
    html, picture = folder / f"{dashboard.name}.html", folder / f"{dashboard.name}.png"
    html.write_text(page(bed.prometheus, dashboard, chosen, places), encoding="utf-8")
    photograph(html, picture, WIDTH, height(places))
    return picture


if __name__ == "__main__":
    main()
