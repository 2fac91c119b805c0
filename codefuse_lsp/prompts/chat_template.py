"""The chat template of a checkpoint, rendered as transformers renders it but in a process that has no transformers.

Input: a jinja template and messages. Output: text. A template comes from whoever made the checkpoint, so it runs in
jinja's sandbox. Knows nothing of the roles' other formats. Semantics: transformers, utils/chat_template_utils.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from codefuse_lsp.errors import ConfigError

Message = dict[str, str]  # role, content
_CONTENT_MARK = "codefuse-lsp:content:{}"  # stands for a text while its place is looked for; no template changes it
_TAG = re.compile(r"<{1,2}[^\s<>'\"]{1,60}>{1,2}|\[/?[A-Z_]{2,30}\]")
# What a template can do wrong while it runs; the sandbox's own complaints are TemplateErrors.
_FAULTS = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def render_template(template: str, messages: Sequence[Message], bos: str, eos: str, prefill: str = "") -> str:
    """Return the prompt text, ending where the answer begins; with a prefill, exactly with the prefill.

    The place of the prefill is found with a mark in its stead, so it may be of spaces alone, and a template that trims
    its messages does not trim it.
    """
    if messages and messages[0]["role"] == "system" and not _takes_system(template, bos, eos):
        messages = _folded(messages)
    if not prefill:
        return _render(template, messages, bos, eos, add_generation_prompt=True)
    mark = _CONTENT_MARK.format("prefill")
    text = _render(template, [*messages, {"role": "assistant", "content": mark}], bos, eos)
    head, found, _ = text.rpartition(mark)
    if not found:
        raise ConfigError(_complaint("it leaves out the text of the last answer"))
    return head + prefill


@lru_cache(maxsize=8)
def template_tags(template: str) -> tuple[str, ...]:
    """Return the strings in a template that look like tags, and those it puts between an answer and a question."""
    try:
        parsed = _environment().parse(template)
    except jinja2.TemplateError as error:
        raise ConfigError(_complaint(str(error))) from error
    texts = [str(data.data) for data in parsed.find_all(nodes.TemplateData)]
    texts += [const.value for const in parsed.find_all(nodes.Const) if isinstance(const.value, str)]
    tags = [tag for text in texts for tag in _TAG.findall(text)]
    return tuple(dict.fromkeys([*tags, *template_stops(template, "", "")]))


@lru_cache(maxsize=8)
def template_stops(template: str, bos: str, eos: str) -> tuple[str, ...]:
    """Return what stands between an answer and the next question: where it begins, an answer has ended.

    `bos` and `eos` are left out: they never arrive as text, and `</s>` in an answer may be HTML.
    """
    question, answer, last = (_CONTENT_MARK.format(name) for name in ("question", "answer", "last"))
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
        {"role": "user", "content": last},
    ]
    try:
        between = _render(template, messages, bos, eos).partition(answer)[2].partition(last)[0]
    except ConfigError:
        return ()
    found = [tag for tag in _TAG.findall(between) if tag not in (bos, eos, "<s>", "</s>")]
    lines = [line.strip() for line in between.splitlines() if len(line.strip()) > 3 and not _TAG.search(line)]
    return tuple(dict.fromkeys(found or lines))


@lru_cache(maxsize=8)
def _takes_system(template: str, bos: str, eos: str) -> bool:
    system = _CONTENT_MARK.format("system")
    messages = [{"role": "system", "content": system}, {"role": "user", "content": _CONTENT_MARK.format("question")}]
    try:
        return system in _render(template, messages, bos, eos, add_generation_prompt=True)
    except ConfigError:
        return False


def _folded(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with the system text at the head of the first question."""
    system, *rest = messages
    if rest and rest[0]["role"] == "user":
        first = {"role": "user", "content": f"{system['content']}\n\n{rest[0]['content']}"}
        return [first, *rest[1:]]
    return [{"role": "user", "content": system["content"]}, *rest]


def _render(
    template: str, messages: Sequence[Message], bos: str, eos: str, *, add_generation_prompt: bool = False
) -> str:
    try:
        return _compiled(template).render(
            messages=[dict(message) for message in messages],
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            bos_token=bos,
            eos_token=eos,
        )
    except _FAULTS as error:
        raise ConfigError(_complaint(str(error))) from error


def _complaint(reason: str) -> str:
    return (
        f"The model's chat template cannot be used: {reason}. "
        "Set prompt_format to codefuse, mft or plain, or mend chat_template in the checkpoint."
    )


class _Generation(Extension):
    """`{% generation %}`, which marks answers for training and here means nothing."""

    tags = {"generation"}  # noqa: RUF012  jinja's own attribute

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
    return _environment().from_string(template)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    environment.globals["namespace"] = _namespace
    environment.globals["dict"] = _dict  # jinja gives the class itself, whose attributes a template could reach for
    return environment


class _Namespace(Namespace):
    """jinja's namespace, without names that Python gives a meaning to."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise SecurityError(f"it sets {name} on a namespace")
        super().__setitem__(name, value)


def _namespace(*tables: Mapping[str, Any], **values: Any) -> _Namespace:
    namespace = _Namespace()
    for name, value in dict(*tables, **values).items():
        namespace[name] = value
    return namespace


def _dict(*tables: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    return dict(*tables, **values)


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)  # jinja's own escapes HTML


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _strftime_now(pattern: str) -> str:
    return datetime.now().strftime(pattern)
