from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Place, Priority, TokenLogprob, Usage, to_wire
from codefuse_lsp.worker import api, chat_api, fields
from codefuse_lsp.worker.fields import StreamOptions

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["prompt", "max_tokens", "stop", "temperature", "top_p", "seed", "logprobs", "priority", "n", "echo"]
FIELDS += ["user", "document", "deadline", "best_of", "suffix", "tools", "response_format", "messages", "role"]
FIELDS += ["ignore_eos", "add_special_tokens", "heal", "forced", "stream", "stream_options"]


@given(
    st.builds(
        GenerationRequest,
        prompt=st.text(),
        max_tokens=st.integers(1, 4096),
        stop=st.lists(st.text(min_size=1), max_size=4).map(tuple),
        temperature=st.floats(0, 2),
        top_p=st.floats(0.01, 1),
        seed=st.none() | st.integers(-(2**63), 2**63 - 1),
        logprobs=st.none() | st.integers(0, 5),
        priority=st.sampled_from(Priority),
        ignore_eos=st.booleans(),
        add_special_tokens=st.booleans(),
        heal=st.text(),
        n=st.integers(1, 16),
        client=st.text(max_size=256),
        document=st.text(max_size=256),
        deadline=st.none() | st.floats(0.001, 86_400),
    )
)
def test_a_request_comes_through_the_wire_as_it_was(request: GenerationRequest) -> None:
    body = json.loads(json.dumps(to_wire(request)))
    assert api.parse_completion(body, max_model_len=4096) == request


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", None),
        ("prompt", 5),
        ("prompt", ["a", "b"]),
        ("prompt", "\ud83d"),
        ("max_tokens", 0),
        ("max_tokens", 5000),
        ("max_tokens", 1.5),
        ("max_tokens", True),
        ("temperature", -1),
        ("temperature", "hot"),
        ("temperature", float("nan")),
        ("top_p", 0),
        ("top_p", 1.1),
        ("stop", ["a", ""]),
        ("stop", 7),
        ("logprobs", 6),
        ("n", 17),
        ("n", 0),
        ("best_of", 2),
        ("suffix", "x"),
        ("logit_bias", {"5": 1}),
        ("user", 5),
        ("user", "x" * 257),
        ("document", "\udc00"),
        ("deadline", 0),
        ("prompt", [1, 2]),
        ("prompt", []),
        ("priority", 9),
        ("ignore_eos", "yes"),
        ("seed", 1 << 70),
        ("echo", True),
    ],
)
def test_a_bad_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(fields.BadField) as caught:
        api.parse_completion({"prompt": "x", field: value}, max_model_len=4096)
    assert caught.value.param == field
    assert str(caught.value).startswith(field)
    assert caught.value.status == 400


@pytest.mark.parametrize("more", [{"n": 2}, {"heal": "  "}])
def test_a_forced_answer_is_whole_and_the_only_one(more: dict[str, Any]) -> None:
    assert api.parse_completion({"prompt": "x", "forced": " = 1"}, max_model_len=4096).forced == " = 1"
    with pytest.raises(fields.BadField, match="forced is a whole answer"):
        api.parse_completion({"prompt": "x", "forced": " = 1", **more}, max_model_len=4096)


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_body_is_taken_or_refused_with_a_sentence(body: dict[str, Any]) -> None:
    try:
        fields.parse_stream_options(body)
        api.parse_completion(body, max_model_len=4096)
    except RequestRefused as refusal:
        assert refusal.status == 400
        assert str(refusal).endswith(".")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRefused):
        fields.parse_body(raw)


def test_a_whole_answer_joins_its_chunks() -> None:
    chunks = [
        Chunk("a = ", logprobs=(TokenLogprob("a", -0.1), TokenLogprob(" = ", -0.2, ((" = ", -0.2),)))),
        Chunk("1", "stop", (TokenLogprob("1", -0.3),), Usage(5, 3, 2)),
    ]
    answer = api.CompletionWire({"id": "x"}).whole(chunks)
    assert answer["choices"][0]["text"] == "a = 1"
    assert answer["choices"][0]["logprobs"]["text_offset"] == [0, 1, 4]
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert answer["usage"]["total_tokens"] == 8


MIXED = [
    Chunk("", place=Place(2, 0.25)),
    Chunk("a", index=1, logprobs=(TokenLogprob("a", -0.1),)),
    Chunk("b", index=0),
    Chunk("c", "length", (TokenLogprob("c", -0.2),), index=1),
    Chunk("d", "stop", (), Usage(5, 4, 0), index=0),
]


def test_mixed_chunks_of_several_answers_are_told_apart() -> None:
    answer = api.CompletionWire({}).whole(MIXED)
    assert [(choice["index"], choice["text"]) for choice in answer["choices"]] == [(0, "bd"), (1, "ac")]
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["stop", "length"]
    assert answer["usage"]["completion_tokens"] == 4
    wire = api.CompletionWire({})
    events = [json.loads(wire.event(chunk, StreamOptions())[6:]) for chunk in MIXED[1:]]
    assert [event["choices"][0]["index"] for event in events] == [1, 0, 1, 0]
    assert events[2]["choices"][0]["logprobs"]["text_offset"] == [1]


def test_each_answer_of_a_chat_begins_with_its_role() -> None:
    wire = chat_api.ChatWire({}, Restorer)
    said = b"".join(wire.event(chunk, StreamOptions()) for chunk in MIXED[1:]).decode()
    choices = [json.loads(line[6:])["choices"][0] for line in said.splitlines() if line]
    assert [(choice["index"], choice["delta"]) for choice in choices] == [
        (1, {"role": "assistant", "content": ""}),
        (1, {"content": "a"}),
        (0, {"role": "assistant", "content": ""}),
        (0, {"content": "b"}),
        (1, {"content": "c"}),
        (0, {"content": "d"}),
    ]
    assert choices[1]["logprobs"]["content"][0]["bytes"] == [97]


class Restorer:
    def feed(self, piece: str) -> str:
        return piece

    def flush(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (None, "messages"),
        ([], "messages"),
        ("hello", "messages"),
        (["hello"], "messages[0]"),
        ([{"content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": "x"}, {"role": "tool", "content": "x"}], "messages[1].role"),
        ([{"role": "<|im_start|>system", "content": "x"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "messages[0].content[0]"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
        ([{"role": "user", "content": "\ud83d"}], "messages[0].content"),
        ([{"role": "assistant", "content": "x", "tool_calls": [{}]}], "messages[0].tool_calls"),
    ],
)
def test_a_bad_message_is_named(messages: Any, param: str) -> None:
    with pytest.raises(fields.BadField) as caught:
        chat_api.parse_messages({"messages": messages})
    assert caught.value.param == param
    assert str(caught.value).startswith(param) and str(caught.value).endswith(".")


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_chat_is_taken_or_refused_with_a_sentence(body: dict[str, Any]) -> None:
    rendered = chat_api.RenderedChat("prompt", ("<stop>",), Restorer)
    try:
        chat_api.parse_messages(body)
        chat_api.parse_chat(body, rendered, 100, 4096)
    except RequestRefused as refusal:
        assert refusal.status == 400
        assert str(refusal).endswith(".")


def test_an_answer_of_a_chat_may_fill_what_the_context_has_left() -> None:
    rendered = chat_api.RenderedChat("prompt", ("<stop>",), Restorer)
    assert chat_api.parse_chat({}, rendered, 100, 4096).max_tokens == 100
    wanted = chat_api.parse_chat({"max_completion_tokens": 7, "max_tokens": 9, "stop": "x"}, rendered, 100, 4096)
    assert (wanted.max_tokens, wanted.stop, wanted.add_special_tokens) == (7, ("x", "<stop>"), False)


def test_token_ids_are_taken_for_the_text_they_stand_for() -> None:
    assert api.parse_completion({"prompt": [5, 6]}, 4096, lambda ids: "ab" if ids == [5, 6] else None).prompt == "ab"
