"""What the bench found, for people: the cells of a table, a page of Markdown, a picture.

Input: the result as `--json` prints it: `suites`, `machine`, `rows`. Knows nothing of how anything was measured.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codefuse_lsp.errors import ConfigError

HEADS = ("measure", "against", "ours", "theirs", "ratio", "wall", "target", "met", "remarks")
EMPTY_ROW: Mapping[str, Any] = {
    "against": "", "gate": "wall time", "theirs": None, "ratio": None, "target": "", "bound": None, "bound_of": "",
    "met": None, "wall_ours": None, "wall_theirs": None, "wall_ratio": None, "quality": "", "note": "",
    "status": "measured",
}  # fmt: skip
INK, FAINT, GRID = "#22303c", "#66737f", "#e3e8ec"
TICKS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
BETTER, WORSE, MARK = "#2f7fb8", "#d98a3d", "#1b1b1b"


def rows_of(figures: Iterable[Mapping[str, Any]], suite: str = "lsp") -> list[dict[str, Any]]:
    """Return figures as rows: nobody else is beside them, and each has its bound."""
    rows = []
    for item in figures:
        ours = {name: item[name] for name in ("median", "lowest", "highest", "runs")}
        bound = _bound(item["target"])
        rows.append(
            {"suite": suite, "measure": item["name"], "unit": item["unit"], **EMPTY_ROW}
            | {"ours": ours, "target": item["target"], "bound": bound, "met": _is_met(item["target"], ours)}
            | {"bound_of": "" if bound is None else "highest" if "each" in item["target"] else "median"}
        )
    return rows


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one row's texts, in the order of HEADS."""
    met = {True: "yes", False: "no", None: ""}[row["met"]]
    if row["status"] != "measured":
        met = str(row["status"])
    remarks = "; ".join(part for part in (row["quality"], row["note"]) if part)
    ours, theirs = (_figure(row[name], row["unit"]) for name in ("ours", "theirs"))
    return (
        row["measure"], row["against"], ours, theirs, _ratio(row["ratio"]), _wall(row), row["target"], met, remarks,
    )  # fmt: skip


def median(figure: Mapping[str, Any] | None, unit: str) -> str:
    """Return a figure's median with its unit."""
    return "" if figure is None else f"{figure['median']:g} {unit}".strip()


def told(value: Any) -> str:
    """Return a fact of the machine as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def markdown(result: Mapping[str, Any]) -> str:
    """Return the whole result as a page of Markdown."""
    lines = ["# Measured by `codefuse-lsp bench`", ""]
    lines += [f"- {name.replace('_', ' ')}: {told(value)}" for name, value in result["machine"].items()]
    for suite in result["suites"]:
        rows = [row for row in result["rows"] if row["suite"] == suite]
        gates = sorted({row["gate"] for row in rows if row["gate"]})
        lines += ["", f"## {suite}", "", f"Counted in: {', '.join(gates)}. Medians, with the range of all runs.", ""]
        lines += [_line(HEADS), _line(["---"] * len(HEADS))]
        lines += [_line(cells(row)) for row in rows]
    return "\n".join(lines) + "\n"


def check_can_plot() -> None:
    """Raise ConfigError where no picture can be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("--plot needs matplotlib; run `pip install 'codefuse-lsp[bench]'`.")


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Draw how many times better ours is in each row that has someone beside it; raises ConfigError without any."""
    rows = [row for row in result["rows"] if _can_be_drawn(row)]
    if not rows:
        raise ConfigError("No row has anyone beside it, so there is nothing to draw; leave out --plot.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    order = list(dict.fromkeys(row["measure"] for row in rows))
    rows.sort(key=lambda row: order.index(row["measure"]))
    figure = Figure(figsize=(11, 1.9 + 0.52 * len(rows)), facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    _draw_bars(axes, rows)
    _draw_frame(axes, rows)
    _draw_names(axes, rows)
    title = f"codefuse-lsp beside other engines: {result['machine'].get('model', '')}"
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=13)
    figure.supxlabel(_legend(rows, result["machine"]), x=0.01, ha="left", color=FAINT, fontsize=8, linespacing=1.5)
    FigureCanvasAgg(figure).print_figure(path, dpi=150, format="png")


def _draw_bars(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw a bar from 1 to each ratio, its number at the end, and a mark where the target stands."""
    for place, row in enumerate(rows):
        ratio, is_better = row["ratio"], row["ratio"] >= 1
        axes.barh(place, ratio - 1, left=1, height=0.56, color=BETTER if is_better else WORSE, zorder=2)
        beyond = max(ratio, row["bound"] or 0) if is_better and _has_mark(row) and row["bound"] / ratio < 1.6 else ratio
        axes.annotate(
            f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}",
            (beyond, place), (7 if is_better else -7, 0), textcoords="offset points", va="center",
            ha="left" if is_better else "right", color=INK, fontsize=10, fontweight="bold", zorder=4,
        )  # fmt: skip
        if _has_mark(row):
            axes.plot([row["bound"]] * 2, [place - 0.38, place + 0.38], color=MARK, linewidth=2.4, zorder=3)


def _draw_names(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write each row's measure, and fainter below it, whom it is against."""
    for place, row in enumerate(rows):
        for text, offset, color in ((row["measure"], 7, INK), (f"beside {_without_build(row['against'])}", -7, FAINT)):
            axes.annotate(
                text, (0, place), (-10, offset), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                ha="right", va="center", color=color, fontsize=9,
            )  # fmt: skip


def _draw_frame(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the scale, on which as many times better is as far to the right as so many times worse to the left."""
    values = [row["ratio"] for row in rows] + [row["bound"] for row in rows if _has_mark(row)] + [1.0]
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 1.8, max(values) * 1.8)
    ticks = [tick for tick in TICKS if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks([])
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.grid(axis="x", color=GRID, zorder=0)
    axes.axvline(1, color=FAINT, linewidth=1, zorder=1)
    axes.set_xlabel("times better than the other; the black mark is the target", color=INK, fontsize=9)
    for side in axes.spines.values():
        side.set_visible(False)


def _legend(rows: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> str:
    """Return what was measured where, and the builds that the names of the rows leave out."""
    gates = ", ".join(sorted({row["gate"] for row in rows}))
    where = machine.get("gpu") or f"{machine.get('cpu', '')}, {machine.get('threads', '?')} thread(s)"
    lines = [f"{gates}, medians · {where} · {machine.get('dtype', '')} · load {told(machine.get('load_before', ''))}"]
    return "\n".join(lines + sorted({row["against"] for row in rows if "(" in row["against"]}))


def _can_be_drawn(row: Mapping[str, Any]) -> bool:
    is_time = row["gate"].endswith("time")
    return bool(is_time and row["status"] == "measured" and row["theirs"] and row["ratio"])


def _has_mark(row: Mapping[str, Any]) -> bool:
    return bool(row["bound_of"] == "ratio")


def _without_build(name: str) -> str:
    return name.partition(" (")[0]


def _figure(figure: Mapping[str, Any] | None, unit: str) -> str:
    if figure is None:
        return ""
    spread = f" ({figure['lowest']:g}–{figure['highest']:g})" if figure["runs"] > 1 else ""
    return median(figure, unit) + spread


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _wall(row: Mapping[str, Any]) -> str:
    """Return what stands beside the gate: wall times, or their ratio."""
    if row["wall_ours"] is None:
        return ""
    ours = median(row["wall_ours"], row["unit"])
    if row["wall_theirs"] is None:
        return ours
    return f"{_ratio(row['wall_ratio'])} ({ours}, {median(row['wall_theirs'], row['unit'])})"


def _line(texts: Iterable[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in texts) + " |"


def _bound(target: str) -> float | None:
    found = re.search(r"\d+(\.\d+)?", target)
    return float(found[0]) if found else None


def _is_met(target: str, ours: Mapping[str, Any]) -> bool | None:
    """Return whether a figure keeps to a target such as '< 500', '≥ 90', '< 64 each' or '0'."""
    bound = _bound(target)
    if bound is None:
        return None
    value = ours["highest"] if "each" in target else ours["median"]
    if target.startswith(("≥", "≤")):
        return bool(value >= bound if target[0] == "≥" else value <= bound)
    return bool(value < bound if target.startswith("<") else value == bound)
