from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import CodeFuseError, ConfigError
from codefuse_lsp.generation.request import TokenLogprob
from codefuse_lsp.worker import conversion
from codefuse_lsp.worker.bench import clock, exactness, gguf_writer, gpu, llama, peers, shapes, suite
from codefuse_lsp.worker.bench.contest import Answer, same
from codefuse_lsp.worker.bench.material import Material, Sizes, edited
from codefuse_lsp.worker.bench.measure import (
    Cost,
    Figure,
    Row,
    Series,
    Target,
    better,
    counted_row,
    figure,
    interleaved,
    percentile,
    timed_row,
)
from codefuse_lsp.worker.bench.quick_start import QuickStart, read, twin
from codefuse_lsp.worker.bench.stand import Plan, Stand
from codefuse_lsp.worker.tokenizer import load_tokenizer

SMALL = Sizes(
    typing=60, cold=40, new=4, at_once=3, long=200, chat=150, streams=2, trials=5, cancels=24, lookup=8, quality=200,
    quality_window=64, loop_s=0.1,
)  # fmt: skip
HEAD = ("engine", "anything", "someone", "ms")
positive = st.floats(1e-3, 1e6)
runs = st.lists(positive, min_size=1, max_size=20)


def quiet(message: str, fraction: float | None) -> None:
    pass


def plan(**changes: Any) -> Plan:
    return Plan(**{"settings": Settings(), "repeat": 1, "random_weights": "tiny", "sizes": SMALL, **changes})


# --- arithmetic


@settings(deadline=None)
@given(runs)
def test_a_median_lies_between_the_lowest_and_the_highest_run(values: list[float]) -> None:
    made = figure(values)
    assert made.lowest <= made.median <= made.highest and made.runs == len(values)
    assert made == figure(values[::-1])


@settings(deadline=None)
@given(runs, st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_and_enough_of_them_do_not_exceed_it(
    values: list[float], part: float
) -> None:
    found = percentile(values, part)
    assert found in values
    assert sum(value <= found for value in values) >= part * len(values) - 1e-9


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 12))
def test_everyone_runs_once_a_round_and_first_about_equally_often(runners: int, rounds: int) -> None:
    names = [f"runner {number}" for number in range(runners)]
    order = list(interleaved(names, rounds))
    for number in range(rounds):
        assert sorted(name for at, name in order if at == number) == names
    first = Counter(name for place, (_, name) in enumerate(order) if place % runners == 0)
    assert max(first.values()) - min(first[name] for name in names) <= 1


@settings(deadline=None)
@given(positive, positive, st.sampled_from(["ms", "tokens/s"]))
def test_who_is_better_by_a_factor_is_worse_the_other_way_round(ours: float, theirs: float, unit: str) -> None:
    there, back = better(ours, theirs, unit), better(theirs, ours, unit)
    assert there and back and there * back == pytest.approx(1, rel=2e-3)
    assert (there > 1) == (ours > theirs if unit == "tokens/s" else ours < theirs) or there == 1


@settings(deadline=None)
@given(runs, runs, st.sampled_from(["cpu", "wall"]))
def test_a_row_is_judged_by_its_clock_and_shows_wall_time_beside_cpu_time(
    cpu: list[float], wall: list[float], by: Any
) -> None:
    row = timed_row(HEAD, by, Series(cpu, wall), Series(wall, cpu), Target("ratio", ">=", 1.0))
    gate = cpu if by == "cpu" else wall
    assert row.ours == figure(gate) and row.gate == f"{by} time"
    assert row.ratio is not None and row.met == (row.ratio >= 1)
    assert (row.wall_ours == figure(wall)) if by == "cpu" else row.wall_ours is None


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target("median", "<=", 5), True),
        (Target("highest", "<=", 5), False),
        (Target("ratio", ">=", 2), True),
        (Target("ratio", ">=", 2.1), False),
    ],
)
def test_a_target_binds_the_ratio_the_median_or_the_worst_run(target: Target, met: bool) -> None:
    assert target.met(2.0, Figure(4.0, 1.0, 9.0, 3)) is met


def test_without_a_ratio_a_target_of_one_is_neither_met_nor_missed() -> None:
    assert counted_row(HEAD, 1.0, target=Target("ratio", ">=", 1)).met is None


def test_rates_leave_out_what_came_before_the_first_token() -> None:
    answer = Answer(Cost(2, 1), Cost(6, 5), 1, 9, ("",), (Cost(4, 3), 5))
    assert answer.first_ms("cpu") == 1000
    assert answer.decode_rate("cpu") == 2 and answer.joint_rate("cpu") == 2
    assert answer.rate("wall") == 1.5


def test_equal_answers_are_counted_text_by_text() -> None:
    one, other = (Answer(Cost(1, 1), Cost(1, 1), 1, 1, texts) for texts in (("a", "b"), ("a", "c")))
    assert same([one, one], [one, other]) == "3 of 4 answers equal"


def test_log_probabilities_are_compared_up_to_where_a_near_tie_parts_the_texts() -> None:
    one = [TokenLogprob("a", -1.0), TokenLogprob("b", -2.0), TokenLogprob("c", -9.0)]
    other = [TokenLogprob("a", -1.5), TokenLogprob("x", -2.1), TokenLogprob("c", -1.0)]
    assert exactness.difference(one, other) == 0.5


# --- clocks, prompts, models


def test_another_process_has_a_clock_of_its_own_cpu_time() -> None:
    code = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin and child.stdout
    with child:
        now = clock.of_process(child.pid)
        child.stdout.readline()  # it has had its CPU time and waits
        first = now()
        assert first.cpu >= 0.19
        for _ in range(200_000):  # our own work is none of its
            pass
        assert now().cpu - first.cpu < 0.05
        child.stdin.close()


def test_no_two_prompts_begin_alike() -> None:
    material = Material(shapes.tokenizer(512))
    texts = [material.prompt(50) for _ in range(40)] + material.prompts(8, 50)
    assert len({text[:20] for text in texts}) == len(texts)


@settings(deadline=None)
@given(st.text(min_size=1), st.floats(0, 1))
def test_an_edit_leaves_the_text_before_and_after_it(text: str, part: float) -> None:
    found = edited(text, part)
    place = int(part * len(text))
    assert found.startswith(text[:place]) and found.endswith(text[place:]) and len(found) > len(text)


def test_a_twin_shares_its_tensors_and_nothing_else() -> None:
    model = shapes.random_model("tiny", "cpu", "float32").model
    other = twin(model)
    pairs = list(zip(model.parameters(), other.parameters(), strict=True))
    assert pairs and all(a is b for a, b in pairs)
    del other.model.layers[1]
    other.config.num_hidden_layers = 1
    assert len(model.model.layers) == 2 and model.config.num_hidden_layers == 2


def test_another_number_format_leaves_the_weights_of_everyone_else_alone() -> None:
    stand = Stand(plan(), quiet)
    exact = stand.fresh_model("float32", "eager")
    assert {p.dtype for p in exact.parameters()} == {torch.float32}
    assert {p.dtype for p in stand.plain_model.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in stand.loaded.model.parameters()} == {torch.bfloat16}


def test_random_weights_are_the_same_each_time_and_every_token_of_theirs_is_text() -> None:
    one, other = (shapes.random_model("tiny", "cpu", "float32") for _ in range(2))
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    size = shapes.SHAPES["tiny"]["vocab_size"]
    assert one.tokenizer.vocab_size == size and one.eos_ids == ()
    assert all(one.tokenizer.token_bytes(number) for number in range(size))


# --- the suites


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return suite.run(plan(), ("engine", "peers"), quiet)


def test_every_measure_runs_on_a_tiny_model(result: dict[str, Any]) -> None:
    failed = [row for row in result["rows"] if row["status"] == "failed"]
    assert not failed
    assert {row["suite"] for row in result["rows"]} == {"engine", "peers"}
    measured = [row for row in result["rows"] if row["status"] == "measured"]
    assert len(measured) > 20 and all(row["ours"]["runs"] >= 1 for row in measured)


@pytest.mark.parametrize(
    "measure",
    [
        "first token, next keystroke", "first token, backspace", "first token, edit at 90 %",
        "first token, edit at 50 %", "cold prefill", "decode, one sequence", "requests at once", "cancel inside",
        "sequences left", "memory growth",
        "ghost text's added wait", "greedy text token for token, alone", "greedy text token for token, with reuse",
        "log-probability", "prompt lookup on repetitive text", "prompt lookup elsewhere", "event loop", "quality",
    ],
)  # fmt: skip
def test_the_engine_suite_has_every_row_that_was_promised(measure: str, result: dict[str, Any]) -> None:
    assert any(measure in row["measure"] for row in result["rows"] if row["suite"] == "engine")


def test_a_row_is_measured_against_a_target_or_says_why_not(result: dict[str, Any]) -> None:
    for row in result["rows"]:
        assert row["status"] == "measured" or row["note"]
        assert (row["met"] is None) == (row["target"] == "" or row["status"] != "measured")


def test_rows_keep_their_form_in_json(result: dict[str, Any]) -> None:
    again = json.loads(json.dumps(result))
    assert set(again) == {"suites", "machine", "rows"}
    for row in again["rows"]:
        assert list(row) == [
            "suite", "measure", "against", "unit", "gate", "ours", "theirs", "ratio", "target", "bound", "bound_of",
            "met", "wall_ours", "wall_theirs", "wall_ratio", "quality", "note", "status",
        ]  # fmt: skip
        assert row["ours"] is None or list(row["ours"]) == ["median", "lowest", "highest", "runs"]


def test_the_machine_is_described_with_its_load_before_and_after(result: dict[str, Any]) -> None:
    told = result["machine"]
    assert {"cpu", "cores", "threads", "dtype", "device", "builds", "load_before", "load_after", "model"} <= set(told)
    assert {"torch", "transformers"} <= set(told["builds"])


def test_greedy_text_is_that_of_generate(result: dict[str, Any]) -> None:
    rows = [row for row in result["rows"] if row["measure"].startswith("greedy") and row["status"] == "measured"]
    assert rows and all(row["met"] for row in rows)


def test_no_cancelled_request_is_left(result: dict[str, Any]) -> None:
    (row,) = (row for row in result["rows"] if row["measure"].endswith("sequences left"))
    assert row["ours"]["median"] == 0 and row["met"]


def test_rows_can_be_chosen_by_a_pattern() -> None:
    found = suite.run(plan(only=re.compile("prefill")), ("engine", "peers"), quiet)
    measures = {row["measure"] for row in found["rows"] if row["status"] == "measured"}
    assert measures == {"cold prefill, 40 tokens", "decode, one sequence, 4 after 40"}


def test_a_pattern_that_matches_nothing_names_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"matches none of: .*next keystroke.*ghost text"):
        suite.run(plan(only=re.compile("nothing like it")), ("engine",), quiet)


def test_a_measure_that_fails_has_its_row_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(stand: Stand) -> list[Row]:
        raise ValueError("out of luck")

    monkeypatch.setattr(suite, "ENGINE", {"a measure": fails, "cold": suite.ENGINE["cold prefill and decode"]})
    rows = suite.run(plan(), ("engine",), quiet)["rows"]
    assert rows[0]["status"] == "failed" and "out of luck" in rows[0]["note"]
    assert rows[1]["status"] == "measured"


def test_a_runner_that_fails_leaves_the_race_and_the_others_finish() -> None:
    class Failing(QuickStart):
        def answer(self, texts: Any, new_tokens: int) -> Answer:
            raise CodeFuseError("It has gone.")

    stand = Stand(plan(repeat=3), quiet)
    failing = Failing(stand.plain_model, stand.loaded.tokenizer, "failing")
    try:
        results = stand.race([stand.generate, failing], lambda runner: runner.answer(["x = "], 1), "A race")
    finally:
        stand.close()
    assert len(results[stand.generate.name]) == 3 and "failing" not in results
    assert stand.failures == {"failing": "It has gone."}


@pytest.mark.parametrize("name", list(gpu.MEASURES))
def test_the_rows_of_a_gpu_can_be_measured_on_a_cpu_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "LONG", 120)
    monkeypatch.setattr(gpu, "TOGETHER", 3)
    stand = Stand(plan(), quiet)
    try:
        rows = gpu.MEASURES[name](stand)
    finally:
        stand.close()
    assert rows and all(row.status in ("measured", "skipped") for row in rows)


def test_the_engine_suite_needs_nothing_of_the_language_server_or_of_http() -> None:
    absent = ["pygls", "lsprotocol", "starlette", "uvicorn", "tree_sitter", "gguf", "xllamacpp", "matplotlib"]
    code = (
        f"import sys\nfor name in {absent}: sys.modules[name] = None\n"
        "from codefuse_lsp.__main__ import main\n"
        "sys.exit(main(['bench', '--random-weights', 'tiny', '--repeat', '1', '--only', 'prefill|event', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"}
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["status"] for row in rows] == ["measured", "measured", "skipped"]
    assert rows[-1]["note"].endswith("is not installed")


# --- other engines


def test_a_peer_that_is_missing_says_what_is_missing(result: dict[str, Any]) -> None:
    rows = {row["against"]: row for row in result["rows"] if row["suite"] == "peers" and row["status"] == "skipped"}
    assert "--llama-server" in rows["llama.cpp native BF16"]["note"]


def test_a_server_that_is_no_program_is_told_by_name(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(CodeFuseError, match="no-such-server"):
        llama.native("no-such-server", tmp_path / "x.gguf", load_tokenizer(tiny_llama, False), 1, "BF16")


def test_a_server_that_does_not_start_is_told_with_its_last_words(tiny_llama: Path, tmp_path: Path) -> None:
    script = tmp_path / "server"
    script.write_text("#!/bin/sh\necho no such model >&2\nexit 3\n")
    script.chmod(0o755)
    with pytest.raises(CodeFuseError, match="did not start: no such model"):
        llama.native(str(script), tmp_path / "x.gguf", load_tokenizer(tiny_llama, False), 1, "BF16")


def test_a_build_is_told_by_its_instruction_sets() -> None:
    log = "I x: system_info: n_threads = 1 | CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 1 | AVX512_BF16 = 1 | AMX = 0 |"
    assert llama.build_of(log) == "AVX2 AVX512 AVX512_BF16"


@pytest.mark.parametrize("kind", ["BF16", "Q8_0"])
def test_a_gguf_writer_holds_the_very_same_weights(kind: gguf_writer.Kind, tiny_llama: Path, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="NO GGUF: the package is not installed")
    gguf_writer.write(tiny_llama, tmp_path / "model.gguf", kind)
    config = json.loads((tiny_llama / "config.json").read_text())
    reader = gguf.GGUFReader(tmp_path / "model.gguf")
    weights = dict(read(tiny_llama, "cpu", "float32").named_parameters())
    assert {conversion.hf_name(tensor.name) for tensor in reader.tensors} == set(weights)
    for tensor in reader.tensors:
        wanted = weights[conversion.hf_name(tensor.name)]
        numbers = conversion._dequantized(tensor, config | {"head_dim": 16})
        found = torch.from_numpy(numbers.copy()).reshape(wanted.shape)
        exact = wanted.to(torch.bfloat16).float() if wanted.ndim == 2 else wanted
        torch.testing.assert_close(found, exact, atol=0 if kind == "BF16" else 0.01, rtol=0 if kind == "BF16" else 0.02)


def test_llama_cpp_answers_from_the_file_as_generate_does(tiny_llama: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="NO LLAMA.CPP: the wheel xllamacpp is not installed")
    tokenizer = load_tokenizer(tiny_llama, False)
    gguf_writer.write(tiny_llama, tmp_path / "model.gguf", "BF16")
    server = llama.wheel(tmp_path / "model.gguf", tokenizer, 1, "BF16")
    try:
        answer = server.answer(["class Stack:\n    def "], 5)
        several = server.answer(["for name in ", "import os", "x = [", "def f("], 3)
    finally:
        server.close()
    model = read(tiny_llama, "cpu", "bfloat16").float()  # the file's weights are rounded so
    wanted = QuickStart(model, tokenizer).answer(["class Stack:\n    def "], 5)
    assert answer.texts == wanted.texts and answer.tokens == 5
    assert several.tokens == 12 and 0 < several.first.cpu < several.whole.cpu
    assert "llama.cpp in xllamacpp BF16 (" in server.name


def test_targets_are_promised_against_a_native_build_only() -> None:
    promised = {peer.name: peer.targets for peer in peers.PEERS}
    assert promised["llama.cpp native BF16"].cold == Target("ratio", ">=", 1.5)
    assert promised["llama.cpp in xllamacpp BF16"] == promised["llama.cpp native Q8_0"] == peers.NOTHING


def test_sizes_are_those_of_the_published_table() -> None:
    told = dataclasses.asdict(Sizes())
    assert (told["typing"], told["cold"], told["new"], told["at_once"], told["long"]) == (1500, 512, 32, 8, 2048)
    assert told["cancels"] == 1000 and told["quality"] >= 20_000
