"""The plots of a report, drawn from its figures by plotly: pieces of HTML that share one script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from html import escape as escaped
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from taxonomy.names import SEPARATOR

Said = dict[str, Any]

RIGHT, WRONG, QUIET, LINE = "#1f7a6d", "#c8453b", "#9aa5b1", "#2b5c9e"
PALETTE = ("#2b5c9e", "#e0823d", "#1f7a6d", "#8d5aa8", "#c2a01e", "#3fa0c9", "#a3493d", "#6b7f2a", "#c9679a", "#5c6b7a")
BRANCHES = len(PALETTE)
"""Branches with a colour of their own on the map; the rest share one."""
ONE = 0.8
"""A branch with this share of all products is parted further before it gets one colour."""
TITLE = 60
"""Characters of a title or a path that a label shows."""


def script() -> str:
    """Return the script that every plot needs, once on a page."""
    made: str = get_plotlyjs()
    return made


def plots(figures: Said) -> dict[str, str]:
    """Return each plot that the figures have data for, as HTML by name."""
    drawn: dict[str, Callable[[Said], go.Figure | None]] = {
        "reliability": reliability,
        "coverage": coverage,
        "categories": categories,
        "siblings": siblings,
        "tags": tags,
        "plane": plane,
    }
    made = {name: draw(figures) for name, draw in drawn.items()}
    config = {"displaylogo": False, "responsive": True}
    return {
        name: figure.to_html(
            full_html=False, include_plotlyjs=False, config=config, div_id=f"plot-{name}", default_width="100%"
        )
        for name, figure in made.items()
        if figure is not None
    }


def reliability(figures: Said) -> go.Figure:
    """Draw how often an answer is right against how sure it was; on the diagonal both are equal."""
    bins = figures["calibration"]["bins"]
    right = [each["right"] for each in bins]
    figure = _figure("probability of the answer", "share that is right")
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": QUIET, "dash": "dot"}, name="ideal")
    figure.add_scatter(
        x=[each["probability"] for each in bins],
        y=right,
        mode="lines+markers",
        name="measured, with 95% intervals",
        line={"color": LINE},
        marker={"size": 8},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [each["high"] - each["right"] for each in bins],
            "arrayminus": [each["right"] - each["low"] for each in bins],
            "color": QUIET,
            "thickness": 1,
        },
        customdata=[each["products"] for each in bins],
        hovertemplate="said %{x:.3f}<br>right %{y:.3f}<br>%{customdata} products<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1.02])
    figure.update_yaxes(range=[0, 1.05])
    return figure


def coverage(figures: Said) -> go.Figure:
    """Draw what share is answered against how much of it is right: the best leaf, and the dial that may stop above."""
    curve, dial = figures["curve"], [each for each in figures["dial"] if each["precision"] is not None]
    figure = _figure("share of the products that are answered", "share of the answers that are right")
    figure.add_scatter(
        x=[each["coverage"] for each in curve],
        y=[each["precision"] for each in curve],
        mode="lines",
        name="likeliest leaf, surest first",
        line={"color": LINE},
        customdata=[each["probability"] for each in curve],
        hovertemplate="answered %{x:.1%}<br>right %{y:.2%}<br>from probability %{customdata:.3f}<extra></extra>",
    )
    figure.add_scatter(
        x=[each["coverage"] for each in dial],
        y=[each["precision"] for each in dial],
        mode="markers+text",
        name="decided auto at a precision",
        marker={"size": 10, "color": RIGHT, "symbol": "diamond"},
        text=[f"{each['asked']:g}" for each in dial],
        textposition="bottom center",
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [each["high"] - each["precision"] for each in dial],
            "arrayminus": [each["precision"] - each["low"] for each in dial],
            "color": QUIET,
            "thickness": 1,
        },
        hovertemplate="asked for %{text}<br>answered %{x:.1%}<br>right %{y:.2%}<extra></extra>",
    )
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(tickformat=".1%")
    return figure


def categories(figures: Said) -> go.Figure:
    """Draw the F1 of each category against its number of products."""
    shown = [each for each in figures["categories"] if each["products"]]
    figure = _figure("products asked about", "F1")
    figure.add_scatter(
        x=[each["products"] for each in shown],
        y=[each["f1"] for each in shown],
        mode="markers",
        marker={
            "size": 9,
            "color": [each["f1"] for each in shown],
            "colorscale": [[0, WRONG], [0.6, PALETTE[4]], [1, RIGHT]],
            "cmin": 0,
            "cmax": 1,
            "opacity": 0.75,
        },
        text=[_instead(each) for each in shown],
        hovertemplate="%{text}<br>F1 %{y:.2f}, %{x} products<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(type="log")
    figure.update_yaxes(range=[-0.03, 1.05])
    return figure


def siblings(figures: Said) -> go.Figure | None:
    """Draw labels by answers among the children of a branch; a menu chooses the branch."""
    branches = [each for each in figures["siblings"] if len(each["children"]) > 1]
    if not branches:
        return None
    figure = _figure("answer", "label", height=560)
    buttons = []
    for place, branch in enumerate(branches):
        names = _distinct([_short(name, 32) for name in branch["children"]])
        totals = [max(1, sum(row)) for row in branch["counts"]]
        figure.add_heatmap(
            x=names,
            y=names,
            z=[[many / total for many in row] for row, total in zip(branch["counts"], totals, strict=True)],
            text=[[str(many) if many else "" for many in row] for row in branch["counts"]],
            texttemplate="%{text}",
            colorscale=[[0, "#ffffff"], [0.01, "#e4ecf7"], [1, LINE]],
            showscale=False,
            visible=place == 0,
            hovertemplate="label %{y}<br>answer %{x}<br>%{text} products<extra></extra>",
        )
        label = f"{escape(_short(branch['path'] or 'all top categories'))}: {branch['errors']} wrong"
        shown = [each == place for each in range(len(branches))]
        buttons.append({"label": label, "method": "update", "args": [{"visible": shown}]})
    figure.update_layout(updatemenus=[{"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.16, "yanchor": "top"}])
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(tickangle=35)
    return figure


def tags(figures: Said) -> go.Figure | None:
    """Draw recall against precision of each tag; larger for what more products carry."""
    if not figures["tags"]:
        return None
    shown = [each for each in figures["tags"]["each"] if each["products"]][:500]
    figure = _figure("recall", "precision")
    figure.add_scatter(
        x=[each["recall"] for each in shown],
        y=[each["precision"] or 0 for each in shown],
        mode="markers",
        marker={
            "size": [6 + 3 * each["products"] ** 0.35 for each in shown],
            "color": [each["f1"] for each in shown],
            "colorscale": [[0, WRONG], [0.6, PALETTE[4]], [1, RIGHT]],
            "cmin": 0,
            "cmax": 1,
            "opacity": 0.7,
        },
        text=[f"{escape(each['tag'])}<br>{each['products']} products carry it" for each in shown],
        hovertemplate="%{text}<br>precision %{y:.2f}, recall %{x:.2f}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(range=[-0.05, 1.05])
    figure.update_yaxes(range=[-0.05, 1.05])
    return figure


def plane(figures: Said) -> go.Figure | None:
    """Draw the products on a plane, near where alike; buttons colour them by branch or by right and wrong."""
    points = figures["map"]
    if not points:
        return None
    tops = _branches([each["label"].split(SEPARATOR) for each in points])
    common = [top for top, _ in Counter(tops).most_common(BRANCHES)]
    groups = [top if top in common else "others" for top in tops]
    figure = _figure("", "", height=680)
    named = [name for name in [*common, "others"] if name in groups]
    for name in named:
        colour = PALETTE[common.index(name)] if name in common else QUIET
        some = [point for point, group in zip(points, groups, strict=True) if group == name]
        figure.add_trace(_points(some, _short(name.split(SEPARATOR)[-1], 40), colour))
    for name, right, colour in (("right", True, QUIET), ("wrong", False, WRONG)):
        figure.add_trace(_points([point for point in points if point["right"] is right], name, colour, visible=False))
    by_category = [True] * len(named) + [False, False]
    buttons = [
        {"label": "by category", "method": "update", "args": [{"visible": by_category}]},
        {"label": "by error", "method": "update", "args": [{"visible": [not each for each in by_category]}]},
    ]
    menu = {"type": "buttons", "direction": "left", "buttons": buttons, "x": 0, "xanchor": "left", "y": 1.09}
    figure.update_layout(updatemenus=[menu], legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top"})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure


def _branches(paths: Sequence[Sequence[str]]) -> list[str]:
    """Return the branch of each path, at the first level where the largest has less than ONE of all."""
    for level in range(1, max(map(len, paths)) + 1):
        names = [SEPARATOR.join(path[:level]) for path in paths]
        if Counter(names).most_common(1)[0][1] < ONE * len(names):
            break
    return names


def _points(points: Sequence[Said], name: str, colour: str, *, visible: bool = True) -> go.Scatter:
    return go.Scatter(  # not the WebGL one, which draws nothing where there is none
        x=[point["x"] for point in points],
        y=[point["y"] for point in points],
        mode="markers",
        name=escape(name),
        visible=visible,
        marker={"size": 6, "color": colour, "opacity": 0.75},
        text=[_story(point) for point in points],
        hovertemplate="%{text}<extra></extra>",
    )


def _story(point: Said) -> str:
    said = f"<b>{escape(_short(point['title']))}</b><br>label: {escape(point['label'])}"
    return said if point["right"] else f"{said}<br>answer: {escape(point['answer'] or 'none')}"


def _instead(category: Said) -> str:
    said = f"<b>{escape(category['path'])}</b>"
    taken = [f"{many} as {escape(path)}" for path, many in category["instead"]]
    return said + ("<br>taken: " + "<br>and ".join(taken) if taken else "")


def escape(text: str) -> str:
    """Return a text that plotly shows as it is: it reads some tags and entities, but knows none for quotes."""
    return escaped(text, quote=False)


def _short(text: str, limit: int = TITLE) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names made different, so that no two share a row of a plot."""
    seen: Counter[str] = Counter()
    made = []
    for name in map(escape, names):
        seen[name] += 1
        made.append(name + "\u200b" * (seen[name] - 1))
    return made


def _figure(x: str, y: str, height: int = 420) -> go.Figure:
    return go.Figure(
        layout={
            "template": "plotly_white",
            "height": height,
            "margin": {"l": 60, "r": 20, "t": 40, "b": 60},
            "font": {"family": "system-ui, sans-serif", "size": 13},
            "xaxis": {"title": x},
            "yaxis": {"title": y},
            "legend": {"orientation": "h", "x": 0, "y": 1.12},
            "hoverlabel": {"align": "left"},
        }
    )
