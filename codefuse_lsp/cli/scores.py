"""What the evaluations found, for people: tables and sentences on stdout. Knows nothing of how it was found."""

from __future__ import annotations

from typing import Any

from codefuse_lsp import config
from codefuse_lsp.cli import screen
from codefuse_lsp.config import Settings
from codefuse_lsp.evaluation.recommending import LEAST_PLACES

REMARKS = (
    "right, wrong: characters shown at a place, up to the first mistake and from there on.",
    "p50: of the first request at a place; while one goes on typing there, most of the prompt has been read.",
    "completion_confidence is tried, and compared, with completion_candidates = 1: with it, nothing is chosen.",
)


def show(kind: str, found: dict[str, Any]) -> None:
    """Print the figures of one kind of evaluation."""
    _SHOWN[kind](found)


def _show_humaneval(found: dict[str, Any]) -> None:
    for k, estimate in found["pass_at"].items():
        screen.out.print(f"pass@{k}: {100 * estimate:.1f} %")
    _show_counts(found, {"passed": "passed", "parse_ok": "parse", "silent": "empty"})
    _show_end(found)


def _show_replay(found: dict[str, Any]) -> None:
    screen.out.print(f"passed: {_share(found['passed'], found['total'])}")
    made = screen.table("task", "status", "why")
    for row in found["failed"]:
        made.add_row(row["task_id"], row["status"].replace("_", " "), row["why"])
    screen.show(made)
    mended = found["with_imports"]
    for task, line in mended["tasks"].items():
        screen.out.print(f"{task} passes with `{line}`, which may have been stripped.", markup=False, soft_wrap=True)
    if mended["tasks"]:
        screen.out.print(f"with these imports: {_share(mended['passed'], found['total'])}")
    if found["timed_out"]:
        named = ", ".join(found["timed_out"])
        screen.out.print(f"ran longer than {found['settings']['timeout_s']:g} s: {named}", markup=False, soft_wrap=True)


def _show_infilling(found: dict[str, Any]) -> None:
    made = screen.table("form", "exact", "passed", "parses", "silent", "p50")
    for form, counts in found["forms"].items():
        told = [_share(counts[name], counts["total"]) for name in ("exact_match", "passed", "parse_ok", "silent")]
        made.add_row(form, *told, f"{counts['p50_ms']:.0f} ms")
    screen.show(made)
    _show_against(found)
    _show_flaws(found)
    _show_end(found)


def _show_against(found: dict[str, Any]) -> None:
    for form, intervals in found["against"].items():
        for name, interval in intervals.items():
            if interval["ratio"] is not None:
                bounds = f"95 % interval {interval['low']:.2f} to {interval['high']:.2f}"
                what = name.replace("_", " ")
                screen.out.print(f"{what}, {found['form']} over {form}: {interval['ratio']:.2f} times ({bounds})")


def _show_flaws(found: dict[str, Any]) -> None:
    _show_counts(found, {"duplicate_suffix": "repeat what follows", "new_syntax_errors": "bring a syntax error"})
    for reason, count in found["silences"].items():
        screen.out.print(f"silent, {reason}: {count}", markup=False)


def _show_repo(found: dict[str, Any]) -> None:
    _show_what_was_asked(found)
    made = screen.table("form", "exact", "similar", "parses", "silent", "p50")
    for form, counts in found["forms"].items():
        made.add_row(form, *_cells(counts))
    for name, counts in (found["kinds"] | found["languages"]).items():
        made.add_row(f"  {found['form']}, {name}", *_cells(counts))
    screen.show(made)
    _show_against(found)
    _show_flaws(found)
    _show_end(found)
    if found["trials"]:
        _show_trials(found)


def _show_what_was_asked(found: dict[str, Any]) -> None:
    left_out = ", ".join(f"{count} {reason}" for reason, count in found["left_out"].items())
    screen.out.print(
        f"{found['total']} places in {_number(found['files'], 'file')}"
        + (f"; left out: {left_out}" if left_out else "")
    )


def _show_trials(found: dict[str, Any]) -> None:
    """Print what other settings change, and what to do about it."""
    screen.out.print()
    made = screen.table("setting", "exact", "similar", "right", "wrong", "silent", "p50")
    now = found["now"]
    names = dict.fromkeys(trial["setting"] for trial in found["trials"])
    made.add_row("in force: " + ", ".join(f"{name} = {now[name]:g}" for name in names), *_trial_cells(now))
    made.add_row("completion_candidates = 1", *_trial_cells(found["one_answer"]))
    for trial in found["trials"]:
        made.add_row(f"{trial['setting']} = {trial['value']:g}", *_trial_cells(trial))
    screen.show(made)
    for remark in REMARKS:
        screen.out.print(remark, soft_wrap=True)
    screen.out.print()
    for one in found["recommendations"]:
        screen.out.print(one["sentence"], markup=False, soft_wrap=True)
    lines = [one["line"] for one in found["recommendations"] if one["line"]]
    if lines:
        screen.out.print(f"\nPut into {config.user_file()}:", markup=False, soft_wrap=True)
        for line in lines:
            screen.out.print(f"  {line}", markup=False)
    elif found["total"] >= LEAST_PLACES:
        whose = "defaults" if all(now[name] == getattr(Settings(), name) for name in names) else "settings in force"
        screen.out.print(f"Leave the {whose} as they are.")


def _cells(counts: dict[str, Any]) -> list[str]:
    exact, parses, silent = (_share(counts[name], counts["total"]) for name in ("exact_match", "parse_ok", "silent"))
    return [exact, f"{100 * counts['edit_similarity']:.1f} %", parses, silent, f"{counts['p50_ms']:.0f} ms"]


def _trial_cells(found: dict[str, Any]) -> list[str]:
    time = "" if found["p50_ms"] is None else f"{found['p50_ms']:.0f} ms"
    right, wrong = (f"{found[name]:.1f}" for name in ("right_chars", "wrong_chars"))
    similar = f"{100 * found['edit_similarity']:.1f} %"
    return [str(found["exact_match"]), similar, right, wrong, str(found["silent"]), time]


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _show_counts(found: dict[str, Any], names: dict[str, str]) -> None:
    for name, words in names.items():
        screen.out.print(f"{words}: {_share(found[name], found['total'])}")


def _show_end(found: dict[str, Any]) -> None:
    told = ", ".join(f"{name} {value:.0f} ms" for name, value in found["latency_ms"].items() if value is not None)
    screen.out.print(f"latency: {told}" if told else "latency: not measured")
    screen.out.print(f"kept in {found['results']}", markup=False, soft_wrap=True)


def _share(count: int, total: int) -> str:
    return f"{count} of {total} ({100 * count / total:.1f} %)"


_SHOWN = {"humaneval": _show_humaneval, "replay": _show_replay, "infilling": _show_infilling, "repo": _show_repo}
