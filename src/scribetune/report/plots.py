"""The report's plots as Plotly figures in JSON; the page draws them in the reader's colour scheme.

Figures carry no template and no colours of text or grid: the script in templates/report.js sets those from the style
sheet, for light and dark alike. Series colours are given by role ("base", "tuned", …) in `meta`, for the same reason.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from scribetune.report.data import LogRow, TestPage
from scribetune.text.language import Words
from scribetune.text.visible_text import visible

DISTRIBUTION_METRICS = {"cer": "CER", "wer": "WER", "ned": "NED", "rougeL": "ROUGE-L", "table_f1": "Table F1"}
"""Per-page metrics whose distribution is drawn, where any page has them: column stem and name."""


Item = TypeVar("Item")

LEAST_SMOOTHED = 40
"""Steps from which the training loss has a moving average."""
LEAST_LOG_RATIO = 20.0
"""Greatest loss / least loss from which the axis is logarithmic."""
MOST_POINTS = 2_000
"""Points that a browser draws without a pause; of more pages every n-th by rank is drawn, the worst ones always."""


@dataclass(frozen=True)
class Plot:
    """One plot: `id` names its element, `json` is the Plotly figure, `note` says how to read it."""

    id: str
    title: str
    note: str
    json: str
    height_px: int


def plots(training_log: Sequence[LogRow], pages: Sequence[TestPage], words: Words) -> dict[str, Plot]:
    """Return the plots that the data allow, by id; a plot without data is absent."""
    found = (
        _training(training_log, words),
        _scatter(pages, words),
        _cumulative(pages, words),
        _distributions(pages, words),
    )
    return {plot.id: plot for plot in found if plot is not None}


def plotly_javascript() -> str:
    """Return plotly.js (MIT licence) as the plotly package carries it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _plot(plot_id: str, title: str, note: str, figure: Any, height_px: int) -> Plot:
    figure.update_layout(template=None, height=height_px, margin={"l": 56, "r": 16, "t": 28, "b": 48})
    text = figure.to_json(engine="json", pretty=False)
    # Inside <script type="application/json">, "<" is all that could end the element.
    return Plot(plot_id, title, note, text.replace("<", "\\u003c"), height_px)


def _training(log: Sequence[LogRow], words: Words) -> Plot | None:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    loss, validation, rate, cer = (
        [(row.step, value) for row in log if (value := getattr(row, name)) is not None]
        for name in ("loss", "validation_loss", "learning_rate", "validation_cer")
    )
    if not (loss or validation or rate or cer):
        return None
    smooth = smoothed([value for _, value in loss]) if len(loss) >= LEAST_SMOOTHED else []
    # The learning curve (CER of validation pages that were really read) has a panel where it was measured.
    heights = [0.5, 0.28, 0.22] if cer else [0.68, 0.32]
    last = len(heights)
    figure = make_subplots(rows=last, cols=1, shared_xaxes=True, row_heights=heights, vertical_spacing=0.07)
    averaged = [(step, value) for (step, _), value in zip(loss, smooth, strict=False)]
    faint = {"opacity": 0.3} if averaged else {}
    curves: tuple[tuple[list[tuple[float, float]], str, str, str, int, dict[str, Any], dict[str, Any]], ...] = (
        (loss, words("training loss"), "training", "lines", 1, {"width": 1 if averaged else 2}, faint),
        (averaged, words("training loss, moving average"), "training", "lines", 1, {"width": 2}, {}),
        (validation, words("validation loss"), "validation", "lines+markers", 1, {"width": 2, "dash": "dot"}, {}),
        (cer, words("validation CER"), "validation", "lines+markers", 2, {"width": 2}, {}),
        (rate, words("learning rate"), "rate", "lines", last, {"width": 2}, {}),
    )
    for points, name, role, mode, row, line, more in curves:
        if points:
            figure.add_trace(
                go.Scatter(
                    x=[point[0] for point in points],
                    y=[point[1] for point in points],
                    name=name,
                    mode=mode,
                    line=line,
                    meta=role,
                    hovertemplate=words("step {x}: {y}", x="%{x}", y="%{y:.4g}"),
                    **more,
                ),
                row=row,
                col=1,
            )
    losses = [value for _, value in loss + validation]
    logarithmic = bool(losses) and min(losses) > 0 and max(losses) > LEAST_LOG_RATIO * min(losses)
    kind = {"type": "log", "exponentformat": "none"} if logarithmic else {"rangemode": "tozero"}
    figure.update_yaxes(title_text=words("loss"), row=1, col=1, **kind)
    if cer:
        figure.update_yaxes(title_text="CER", rangemode="tozero", nticks=4, row=2, col=1)
    figure.update_yaxes(
        title_text=words("learning rate"), exponentformat="power", rangemode="tozero", nticks=4, row=last, col=1
    )
    figure.update_yaxes(title_standoff=8)
    figure.update_xaxes(title_text=words("optimiser step"), row=last, col=1)
    notes = [
        words("Mean cross-entropy per label token. Validation rising while training falls would be over-fitting."),
        words("The axis of the loss is logarithmic.") if logarithmic else "",
        words("Faint: each step; strong: their moving average.") if averaged else "",
        words("CER: of the validation pages that were read during the training.") if cer else "",
    ]
    return _plot("plot-training", words("Training"), _note(notes, words), figure, 520 if cer else 420)


def smoothed(values: Sequence[float]) -> list[float]:
    """Return the exponential moving average of a curve, as TensorBoard draws it: each new value counts a tenth.

    The first values are divided by the weight that they have together, so that the curve does not start at 0.
    """
    averages, average, weight = [], 0.0, 0.0
    for value in values:
        average, weight = 0.9 * average + 0.1 * value, 0.9 * weight + 0.1
        averages.append(average / weight)
    return averages


def _note(sentences: Sequence[str], words: Words) -> str:
    return words(" ").join(filter(None, sentences))


def _thinned(values: Sequence[Item], most: int = MOST_POINTS) -> list[Item]:
    """Return at most so many of the sorted values: every n-th, with both ends."""
    if len(values) <= most:
        return list(values)
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


def _hover(page: TestPage) -> str:
    # Plotly reads a small HTML dialect in hover text: entities keep it text.
    return html.escape(visible(f"{page.index} · {page.id}"))


def _scatter(pages: Sequence[TestPage], words: Words) -> Plot | None:
    import plotly.graph_objects as go

    points = [
        (page, pair.base, pair.tuned)
        for page in pages
        if (pair := page.metrics.get("cer")) is not None and pair.base is not None and pair.tuned is not None
    ]
    if not points:
        return None
    measured = len(points)
    points.sort(key=lambda point: (-max(point[1], point[2]), point[0].index))
    # Half of the points are the worst pages, the other half stands for the rest.
    worst = MOST_POINTS // 2
    points = sorted(points[:worst] + _thinned(points[worst:], worst), key=lambda point: point[0].index)
    # One page in a loop (CER 40) must not squeeze the rest into a corner: axes go logarithmic then.
    greatest = max(max(base, tuned) for _, base, tuned in points)
    logarithmic = greatest > 3.0
    floor = 1e-3
    figure = go.Figure()
    low, high = (floor, greatest) if logarithmic else (0.0, greatest or 1.0)
    figure.add_trace(
        go.Scatter(x=[low, high], y=[low, high], mode="lines", line={"dash": "dash", "width": 1}, meta="muted",
                   hoverinfo="skip", showlegend=False)
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[max(base, floor) if logarithmic else base for _, base, _ in points],
            y=[max(tuned, floor) if logarithmic else tuned for _, _, tuned in points],
            mode="markers",
            marker={"size": 9, "opacity": 0.8},
            meta="tuned",
            customdata=[[page.index, base, tuned] for page, base, tuned in points],
            text=[_hover(page) for page, _, _ in points],
            hovertemplate=(
                f"%{{text}}<br>{words('base')} %{{customdata[1]:.4f}}<br>{words('tuned')} %{{customdata[2]:.4f}}"
                "<extra></extra>"
            ),
            showlegend=False,
        )
    )
    kind = {"type": "log"} if logarithmic else {"rangemode": "tozero"}
    figure.update_xaxes(title_text=words("CER, base"), **kind)
    figure.update_yaxes(title_text=words("CER, tuned"), **kind)
    notes = [
        words("One point per page; below the dashed line the tuned model is better. Click a point to see the page."),
    ]
    if measured > len(points):
        drawn = "Drawn: the worst {worst} of {measured} pages, and {worst} of the others."
        notes.append(words(drawn, worst=worst, measured=measured))
    return _plot("plot-pages", words("Page by page"), _note(notes, words), figure, 360)


def _cumulative(pages: Sequence[TestPage], words: Words) -> Plot | None:
    import plotly.graph_objects as go

    figure = go.Figure()
    pairs = [page.metrics["cer"] for page in pages if "cer" in page.metrics]
    greatest = max((value for pair in pairs for value in (pair.base, pair.tuned) if value is not None), default=0.0)
    for model in ("base", "tuned"):
        values = sorted(value for pair in pairs if (value := getattr(pair, model)) is not None)
        if not values:
            continue
        steps = _thinned([(value, (rank + 1) / len(values)) for rank, value in enumerate(values)])
        figure.add_trace(
            go.Scatter(
                x=[0.0, *(value for value, _ in steps), greatest * 1.05],
                y=[0.0, *(share for _, share in steps), 1.0],
                name=words(model),
                mode="lines",
                line={"shape": "hv", "width": 2},
                meta=model,
                hovertemplate=words("{share} of pages have CER ≤ {cer}", share="%{y:.0%}", cer="%{x:.4f}"),
            )
        )
    if not figure.data:
        return None
    figure.update_xaxes(title_text="CER", range=[0.0, min(greatest * 1.05, 1.5) or 1.0])
    figure.update_yaxes(title_text=words("share of pages"), tickformat=".0%", range=[0.0, 1.02])
    notes = [
        words("How many pages stay at or under a given CER. Further up and to the left is better; drag to zoom."),
        words("Click a place on a curve to see the pages from there on."),
    ]
    if greatest * 1.05 > 1.5:
        notes.append(words("The greatest CER, {greatest}, lies outside the frame.", greatest=f"{greatest:.2f}"))
    return _plot("plot-cumulative", words("CER, cumulative"), _note(notes, words), figure, 360)


def _distributions(pages: Sequence[TestPage], words: Words) -> Plot | None:
    import plotly.graph_objects as go

    figure = go.Figure()
    most = MOST_POINTS // 10
    for model in ("base", "tuned"):
        dots: list[tuple[str, float, TestPage]] = []
        for metric, name in DISTRIBUTION_METRICS.items():
            found = [
                (value, page)
                for page in pages
                if metric in page.metrics and (value := getattr(page.metrics[metric], model)) is not None
            ]
            # Every n-th by rank has the quartiles of all.
            if len(found) > most:
                found = _thinned(sorted(found, key=lambda entry: (entry[0], entry[1].index)), most)
            dots += [(words(name), value, page) for value, page in found]
        if dots:
            figure.add_trace(
                go.Box(
                    x=[name for name, _, _ in dots],
                    y=[value for _, value, _ in dots],
                    text=[_hover(page) for _, _, page in dots],
                    customdata=[[page.index] for _, _, page in dots],
                    name=words(model),
                    meta=model,
                    boxpoints="all",
                    pointpos=0,
                    jitter=0.4,
                    marker={"size": 4, "opacity": 0.6},
                    hovertemplate="%{text}<br>%{y:.4f}",
                )
            )
    if not figure.data:
        return None
    shown = [value for trace in figure.data for value in trace.y]
    figure.update_layout(boxmode="group")
    lowest, highest = min(0.0, *shown) - 0.02, min(max(shown) * 1.05, 1.5)
    figure.update_yaxes(title_text=words("value per page"), range=[lowest, highest])
    notes = [
        words("Box: quartiles; line: median; dots: pages. Error rates (CER, WER, NED) should go down, the others up."),
        words("Click a dot to see its page."),
    ]
    if max(shown) * 1.05 > 1.5:
        outside = "The greatest value, {greatest}, lies outside the frame; double-click to see all."
        notes.append(words(outside, greatest=f"{max(shown):.2f}"))
    if len(pages) > most:
        notes.append(words("Dots: {most} of {count} pages for each metric.", most=most, count=len(pages)))
    return _plot("plot-distributions", words("Distributions"), _note(notes, words), figure, 360)
