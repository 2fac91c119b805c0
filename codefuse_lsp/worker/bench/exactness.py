"""Whether what is fast is also right: greedy text token for token, logits across batch sizes, quality of the weights.

And prompt lookup, which is only of use where its text stays the same.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from dataclasses import replace

from codefuse_lsp.generation.request import TokenLogprob
from codefuse_lsp.worker.bench.contest import Answer, same
from codefuse_lsp.worker.bench.measure import Row, Target, counted_row, series, timed_row
from codefuse_lsp.worker.bench.ours import Ours, ours, request
from codefuse_lsp.worker.bench.stand import Stand

SUITE = "engine"
TEXTS = 8
PROMPT = 160  # tokens of the shortest
CUT = 40  # characters at the end of a prompt that are new, where the rest is reused
LOGIT_TOLERANCE = 1e-3  # of a log-probability in fp32, across batch sizes
LARGEST_FP32 = 1 << 30  # parameters above which no fp32 copy is made


def greedy(stand: Stand) -> list[Row]:
    """Return the rows of greedy text beside eager `generate`, both in fp32."""
    head = (SUITE, "greedy text token for token", "generate, eager, float32", f"of {TEXTS} texts")
    if stand.num_parameters > LARGEST_FP32:
        return [Row(*head, "count", status="skipped", note="no fp32 copy is made of a model this large")]
    loaded, reference = stand.exact()
    prompts = stand.material.prompts(TEXTS, PROMPT)
    wanted = [stand.material.decode(reference.token_ids(text, stand.sizes.new)) for text in prompts]
    engine = ours(loaded, TEXTS + 2)
    try:
        # reuse comes from what the shortened prompts left: the cold answers are asked of other slots before
        rows = [_equal(head, "alone", _alone(engine, prompts, stand.sizes.new), wanted)]
        for text in prompts:
            engine.answer([text[:-CUT]], 4)
        rows.append(_equal(head, "with reuse", _alone(engine, prompts, stand.sizes.new), wanted))
        rows.append(_across_batches(engine, prompts, stand.sizes.new))
    finally:
        engine.close()
    looking = ours(replace(loaded, model=stand.fresh_model("float32")), 2, lookup=True)
    try:
        return [*rows, _equal(head, "with lookup", _alone(looking, prompts, stand.sizes.new), wanted)]
    finally:
        looking.close()


def lookup(stand: Stand) -> list[Row]:
    """Return the rows of prompt lookup beside plain decoding, where it helps and where it cannot."""

    def elsewhere() -> str:
        return stand.material.prompt(stand.sizes.cold)

    cases = (("on repetitive text", stand.material.repetitive, 2.0), ("elsewhere", elsewhere, 0.95))
    heads = [(SUITE, f"prompt lookup {where}", "plain decoding", "tokens/s") for where, *_ in cases]
    looking = ours(stand.loaded_anew(), 2, lookup=True)
    try:
        rows = []
        for head, (where, text, bound) in zip(heads, cases, strict=True):
            prompts = [text() for _ in range(stand.plan.repeat + 1)]
            left = {looking.name: iter(prompts), stand.ours.name: iter(prompts)}
            results = stand.race(
                [looking, stand.ours],
                lambda runner, left=left: runner.answer([next(left[runner.name])], stand.sizes.lookup),  # type: ignore[misc]
                f"Prompt lookup {where}",
            )
            mine, plain = results[looking.name], results[stand.ours.name]
            rates = [series(answers, Answer.decode_rate) for answers in (mine, plain)]
            target = Target("ratio", ">=", bound)
            rows.append(timed_row(head, stand.clock, rates[0], rates[1], target, same(mine, plain)))
        return rows
    finally:
        looking.close()


def quality(stand: Stand) -> list[Row]:
    """Return the rows of how well the weights that we run read code, beside fp32."""
    ids = stand.material.ids[: stand.sizes.quality]
    head = (SUITE, f"quality of {stand.loaded.dtype}: perplexity of {len(ids)} tokens of code", "float32", "perplexity")
    try:
        judge = importlib.import_module("codefuse_lsp.worker.quality")
    except ImportError:
        return [Row(*head, "count", status="skipped", note="this worker cannot measure quality")]
    if stand.num_parameters > LARGEST_FP32:
        return [Row(*head, "count", status="skipped", note="no fp32 copy is made of a model this large")]
    stand.report("Reading code in both precisions", None)
    model = stand.ours.engine.loaded.model
    mine, other = (judge.read(m, ids, stand.sizes.quality_window) for m in (model, stand.fresh_model("float32")))
    found = judge.compare(mine, other)
    agreement = (SUITE, f"quality of {stand.loaded.dtype}: top-1 agreement", "float32", "part of tokens")
    return [
        counted_row(head, mine.perplexity, other.perplexity, Target("ratio", "<=", 1.02), found.ratio),
        counted_row(agreement, found.agreement, 1.0, Target("median", ">=", 0.94)),
    ]


def _alone(ours: Ours, prompts: Sequence[str], new_tokens: int) -> list[str]:
    return [ours.answer([text], new_tokens).texts[0] for text in prompts]


def _equal(head: tuple[str, str, str, str], how: str, texts: Sequence[str], wanted: Sequence[str]) -> Row:
    """Return the row of how many texts are those wanted; all must be."""
    cut = "\ufffd"  # half a character at the end, which one side shows as this sign and the other leaves out
    equal = sum(text.rstrip(cut) == other.rstrip(cut) for text, other in zip(texts, wanted, strict=True))
    line = (head[0], f"{head[1]}, {how}", *head[2:])
    return counted_row(line, equal, len(wanted), Target("ratio", ">=", 1.0), equal / len(wanted))


def _across_batches(ours: Ours, prompts: Sequence[str], new_tokens: int) -> Row:
    """Return the row of how far log-probabilities move when the same prompts are decoded together."""

    async def tokens(text: str) -> list[TokenLogprob]:
        wanted = request(text, new_tokens, logprobs=0)
        return [token async for chunk in ours.engine.generate(wanted) for token in chunk.logprobs]

    async def together() -> list[list[TokenLogprob]]:
        return await asyncio.gather(*(tokens(text) for text in prompts))

    alone = [ours.run(tokens(text)) for text in prompts]
    largest = max(difference(*pair) for pair in zip(alone, ours.run(together()), strict=True))
    head = (SUITE, f"log-probability, alone and {len(prompts)} at once", "itself, alone", "largest difference")
    return counted_row(head, largest, target=Target("median", "<=", LOGIT_TOLERANCE), note="fp32")


def difference(one: Sequence[TokenLogprob], other: Sequence[TokenLogprob]) -> float:
    """Return the largest difference of two answers' log-probabilities, up to where a near-tie parts them."""
    largest = 0.0
    for a, b in zip(one, other, strict=False):
        largest = max(largest, abs(a.logprob - b.logprob))
        if a.token != b.token:
            break  # what follows differs because the text does
    return largest
