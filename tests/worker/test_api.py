from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.errors import RequestRefused
from codefuse_lsp.generation.request import Chunk, GenerationRequest, Priority, TokenLogprob, Usage, to_wire
from codefuse_lsp.worker import api

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
fields = ["prompt", "max_tokens", "stop", "temperature", "top_p", "seed", "logprobs", "priority", "n", "echo"]
fields += ["ignore_eos", "add_special_tokens", "heal", "stream", "stream_options"]


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
        ("n", 2),
        ("priority", 9),
        ("ignore_eos", "yes"),
        ("seed", 1 << 70),
        ("echo", True),
    ],
)
def test_a_bad_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(api.BadField) as caught:
        api.parse_completion({"prompt": "x", field: value}, max_model_len=4096)
    assert caught.value.param == field
    assert str(caught.value).startswith(field)
    assert caught.value.status == 400


@given(st.dictionaries(st.sampled_from(fields), json_values))
def test_any_body_is_taken_or_refused_with_a_sentence(body: dict[str, Any]) -> None:
    try:
        api.parse_stream_options(body)
        api.parse_completion(body, max_model_len=4096)
    except RequestRefused as refusal:
        assert refusal.status == 400
        assert str(refusal).endswith(".")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRefused):
        api.parse_body(raw)


def test_a_whole_answer_joins_its_chunks() -> None:
    chunks = [
        Chunk("a = ", logprobs=(TokenLogprob("a", -0.1), TokenLogprob(" = ", -0.2, ((" = ", -0.2),)))),
        Chunk("1", "stop", (TokenLogprob("1", -0.3),), Usage(5, 3, 2)),
    ]
    answer = api.completion_json({"id": "x"}, chunks)
    assert answer["choices"][0]["text"] == "a = 1"
    assert answer["choices"][0]["logprobs"]["text_offset"] == [0, 1, 4]
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert answer["usage"]["total_tokens"] == 8
