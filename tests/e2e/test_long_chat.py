"""A chat of 50 questions and 30 references with a model that reads 4,096 tokens: nothing overflows, nothing is lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codefuse_lsp.evaluation.editor import EditorError
from tests.e2e.conftest import OpenWindow
from tests.e2e.far_end import FarEnd
from tests.e2e.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTEXT, ANSWER = 4096, 512
SYSTEM = "You are a careful programmer. Answer in short sentences, and name what you do not know."
TOKENIZER = Path(__file__).parents[3] / "shared" / "data" / "llama2-tokenizer" / "tokenizer.json"
QUESTIONS, REFERENCES = 50, 30
OPENING, HUMAN, BOT = "<|role_start|>", "<|role_start|>human<|role_end|>", "<|role_start|>bot<|role_end|>"


def real_count() -> Callable[[str], int]:
    """Return Llama 2's own count, CodeFuse-CodeLlama's tokenizer."""
    if not TOKENIZER.is_file():
        pytest.skip(f"NOT MEASURED with real tokens: there is no tokenizer at {TOKENIZER}")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def write_modules(folder: Path) -> list[Path]:
    """Write modules of 40 to 900 lines, some of which fit no prompt."""
    paths = []
    for number in range(12):
        methods = "".join(
            f"    def step_{number}_{n}(self, order: Order) -> int:\n"
            f'        """Return step {n} of module {number}."""\n'
            f"        return self.rates[{n}] * order.amount + {number}\n\n"
            for n in range(10 + 20 * number)
        )
        path = folder / f"module_{number}.py"
        path.write_text(f"from orders import Order\n\n\nclass Ledger{number}:\n{methods}")
        paths.append(path)
    return paths


def references(number: int, paths: list[Path]) -> list[dict[str, Any]]:
    """Return what the question of a number refers to: 30 in all, of every kind that needs no git."""
    path = paths[number % len(paths)]
    if number % 5 > 2:
        return []
    span = {"start": {"line": 4, "character": 0}, "end": {"line": 40 + number * 5, "character": 0}}
    kinds: list[dict[str, Any]] = [
        {"uri": path.as_uri()},
        {"uri": path.as_uri(), "range": span},
        {"kind": "symbol", "name": f"step_{number % 12}_3", "uri": path.as_uri()},
        {"kind": "terminal", "text": "\x1b[31mrunning\x1b[0m\r\n" * 300 + f"error in step_{number % 12}_7\n"},
        {"kind": "diagnostics", "uri": path.as_uri(), "text": "9:5 error: Order has no amount\n" * 40},
    ]
    return [kinds[(number + number // 5) % len(kinds)]]


def answer(number: int) -> str:
    return f"`step_{number % 12}_3` adds them. " + f"It was line {number} of the ledger that mattered here. " * (
        number % 9
    )


async def ask_all(window: Window, far_end: FarEnd, paths: list[Path]) -> tuple[list[dict[str, Any]], int]:
    """Ask all questions in one conversation; return the results, and how many references went with them."""
    conversation: dict[str, Any] = {}
    results, referred = [], 0
    for number in range(QUESTIONS):
        far_end.says(answer(number))
        given = references(number, paths)
        referred += len(given)
        params = {
            "message": f"Question {number}: what does step_{number % 12}_3 do?",
            "references": given,
            **conversation,
        }
        results.append(await window.request("codefuse/chat", params))
        conversation = {"conversationId": results[-1]["conversationId"]}
    return results, referred


@pytest.mark.parametrize("counter", ["real", "letters", "none"])
async def test_no_prompt_overflows_and_each_has_the_system_text_and_the_question(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path, counter: str
) -> None:
    count: Callable[[str], int] = {"real": real_count, "letters": lambda: _half, "none": real_count}[counter]()
    far_end.count_tokens = None if counter == "none" else count
    window = await open_window(systemPrompt=SYSTEM)
    results, referred = await ask_all(window, far_end, write_modules(tmp_path))
    assert (len(far_end.asked), referred) == (QUESTIONS, REFERENCES)
    lengths, gone_on = [], 0
    for number, (completion, result) in enumerate(zip(far_end.asked, results, strict=True)):
        prompt = completion.prompt
        lengths.append(count(prompt))
        assert lengths[-1] + completion.body["max_tokens"] <= CONTEXT
        assert result["finishReason"] == "stop" and result["text"] == answer(number)
        assert prompt.startswith(f"{OPENING}system<|role_end|>{SYSTEM}{OPENING}human")
        assert prompt.endswith(f"Question {number}: what does step_{number % 12}_3 do?{BOT}")
        roles = re.findall(r"<\|role_start\|>(\w+)<\|role_end\|>", prompt)
        assert roles == ["system", *["human", "bot"] * (len(roles) // 2)]
        if number and prompt.startswith(far_end.asked[number - 1].prompt + answer(number - 1)):
            gone_on += 1
    assert any("oldest" in sentence for result in results for sentence in result["leftOut"])
    assert gone_on >= QUESTIONS // 2, "most questions go on from the prompt before, which the model need not read again"
    print(f"{counter}: {max(lengths)} tokens at most, mean {sum(lengths) // QUESTIONS}; {gone_on} prompts went on")


def _half(text: str) -> int:
    return len(text) // 2 + 1


async def test_a_question_longer_than_the_context_is_refused_with_the_numbers(window: Window, far_end: FarEnd) -> None:
    with pytest.raises(EditorError) as refusal:
        await window.request("codefuse/chat", {"message": "why? " * 4000})
    assert refusal.value.code == -32803
    assert re.search(r"alone take 10,\d\d\d tokens. The model reads 4,096 ", str(refusal.value))
    assert far_end.asked == []


async def test_a_chat_goes_on_after_the_editor_was_started_anew(
    open_window: OpenWindow, far_end: FarEnd, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("total = 5\n")
    first = await open_window()
    far_end.says("It is five.")
    params = {"message": "what is total?", "references": [{"uri": path.as_uri()}]}
    result = await first.request("codefuse/chat", params)
    second = await open_window()
    await second.request("codefuse/chat", {"message": "and now?", "conversationId": result["conversationId"]})
    prompt = far_end.asked[-1].prompt
    assert prompt.endswith(f"what is total?{BOT}It is five.</s>{HUMAN}and now?{BOT}")


async def test_excerpts_stay_as_they_were_told_when_the_file_changes(window: Window, far_end: FarEnd) -> None:
    far_end.says("It is five.")
    uri, _ = window.show("total = 5\n")
    result = await window.request("codefuse/chat", {"message": "what is total?", "references": [{"uri": uri}]})
    window.insert(uri, 2, 0, 9, "0")
    again = {"message": "and now?", "references": [{"uri": uri}], "conversationId": result["conversationId"]}
    await window.request("codefuse/chat", again)
    first, second = (completion.prompt for completion in far_end.asked)
    assert second.startswith(first + "It is five.</s>") and "total = 50\n" in second[len(first) :]


async def test_a_secret_that_shows_itself_later_is_hidden_in_what_was_told_before(
    window: Window, far_end: FarEnd
) -> None:
    far_end.says("It connects.")
    uri, _ = window.show("connect('wholly-unremarkable-words')\n")
    result = await window.request("codefuse/chat", {"message": "what is this?", "references": [{"uri": uri}]})
    assert "wholly-unremarkable-words" in far_end.asked[0].prompt
    params = {"message": "password = 'wholly-unremarkable-words'", "conversationId": result["conversationId"]}
    await window.request("codefuse/chat", params)
    assert "wholly-unremarkable-words" not in far_end.asked[1].prompt
    assert len(set(re.findall(r"REDACTED_[0-9a-f]{8}", far_end.asked[1].prompt))) == 1


async def test_two_chats_at_once_do_not_mix(window: Window, far_end: FarEnd) -> None:
    far_end.says("Yes.")
    uris = [window.show(f"only_{number} = 1\n")[0] for number in range(2)]
    asked = [
        window.request("codefuse/chat", {"message": f"question {number}", "references": [{"uri": uri}]})
        for number, uri in enumerate(uris)
    ]
    results = await asyncio.gather(*asked)
    for number, result in enumerate(results):
        await window.request("codefuse/chat", {"message": "and?", "conversationId": result["conversationId"]})
        prompt = far_end.asked[-1].prompt
        assert f"only_{number} = 1" in prompt and f"only_{1 - number}" not in prompt
