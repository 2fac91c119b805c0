r"""Where the secrets stand in a text.

Input: text. Output: the spans of keys, tokens and passwords, each with what it is. A secret is told by a format that
its issuer documents, or by being assigned to a name such as `password` or `api_key`. Knows nothing of what is done
with them. Time is linear in the text: nothing is looked for where its anchor, a few plain letters, does not stand, and
every repetition is bounded or possessive.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_B64URL = "[A-Za-z0-9_-]"


@dataclass(frozen=True, slots=True)
class Secret:
    """The characters from `start` up to, not including, `stop`."""

    start: int
    stop: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Format:
    kind: str
    anchors: tuple[str, ...]  # one of these stands in every secret of the format
    pattern: re.Pattern[str]  # group 1, or the whole match, is the secret


def _token(kind: str, anchors: str, pattern: str, before: str = "[A-Za-z0-9]") -> _Format:
    return _Format(kind, tuple(anchors.split()), re.compile(f"(?<!{before}){pattern}"))


# Sources: the issuers' own pages, named at the lines, and the rules of gitleaks (config/gitleaks.toml), which agree.
FORMATS = (
    # docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, "unique ID prefixes"
    _token("AWS access key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    # github.blog/2021-04-05-behind-githubs-new-authentication-token-formats; fine-grained: 22 and 59 characters
    _token("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}+"),
    _token("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9_]{50,255}+"),
    # docs.gitlab.com/security/tokens, "Token prefixes"
    _token(
        "GitLab token",
        "glpat- gloas- gldt- glrt- glcbt- glptt- glft- glimt- glagent- glsoat- glffct-",
        rf"gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-{_B64URL}{{20,300}}+",
    ),
    # docs.slack.dev/authentication/tokens; docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    _token("Slack token", "xox xapp-", r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{10,255}+"),
    _token("Slack webhook", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/_-]{20,255}+)"),
    # docs.stripe.com/keys; docs.stripe.com/webhooks
    _token("Stripe key", "k_live_ k_test_ k_prod_", r"(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,255}+"),
    _token("Stripe webhook secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,255}+"),
    # platform.openai.com/docs/api-reference/authentication; docs.anthropic.com/en/api: all begin with sk-
    _token("API key", "sk-", rf"sk-(?=[A-Za-z_-]{{0,200}}[0-9])(?:proj-|svcacct-|admin-|ant-)?{_B64URL}{{20,255}}+"),
    # docs.cloud.google.com/docs/authentication/api-keys; developers.google.com/identity/protocols/oauth2
    _token("Google API key", "AIza", rf"AIza{_B64URL}{{35}}(?!{_B64URL})"),
    _token("Google OAuth secret", "GOCSPX-", rf"GOCSPX-{_B64URL}{{28}}"),
    _token("Google OAuth token", "ya29.", rf"ya29\.{_B64URL}{{20,2000}}+"),
    # github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format; docs.pypi.org/api/secrets
    _token("npm token", "npm_", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _token("PyPI token", "pypi-AgE", rf"pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZ){_B64URL}{{50,1000}}+"),
    # huggingface.co/docs/hub/security-tokens; docs.sendgrid.com; docs.digitalocean.com/reference/api
    _token("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])"),
    _token("SendGrid key", "SG.", rf"SG\.{_B64URL}{{16,32}}\.{_B64URL}{{16,64}}+"),
    _token("DigitalOcean token", "_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    _token("Azure storage key", "AccountKey=", r"AccountKey=([A-Za-z0-9+/=]{40,120}+)"),
    # RFC 7519, section 3: three base64url parts, the first two JSON objects, so `{"` in base64: eyJ
    _token(
        "JSON web token", "eyJ", rf"eyJ{_B64URL}{{8,8000}}+\.eyJ{_B64URL}{{8,8000}}+\.{_B64URL}{{8,2000}}+", _B64URL
    ),
)
# RFC 3986, section 3.2.1: `user:password@` before a host
_USERINFO = re.compile(r"://[^\s:/@'\"`<>]{0,100}+:([^\s/'\"`<>]{1,200})@(?=[\w\[$%{])")
# RFC 6750, section 2.1; RFC 7617
_HEADER = re.compile(r"(?:bearer|basic)[ :]{1,4}([A-Za-z0-9._~+/=-]{16,4000}+)", re.IGNORECASE)
# RFC 7468; RFC 4880, section 6.2. Lines may be written as \n inside a string.
_KEY_BEGIN = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]|[\"'+,]){0,200}+"
    r"(?:[A-Za-z-]{3,20}: [^\n\\]{0,100}+(?:\s|\\[nr]|[\"'+]){1,200}+){0,5}+(?=[A-Za-z0-9+/=]{16})"
)
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY")
_KEY_BODY = re.compile(r"(?:[A-Za-z0-9+/=]|\s|\\[nr]|[\"'+,])*+")
_BASE64_LINE = re.compile(r"\s*+[\"']?[A-Za-z0-9+/=]{1,100}+(?:\\[nr]|[\"'+,\s])*+")
MAX_KEY_CHARS = 20_000  # of a private key; RSA with 16,384 bits takes 13,000
MAX_KEY_LINES = 80  # RSA with 4,096 bits takes 51 lines

_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "credential", "key", "auth")
_NAME_REST = re.compile(r"[\w-]{0,60}+")
_OPERATOR = re.compile(
    r"""["'`]?[\])]?[ \t]{0,20}+(?::[ \t]{0,8}[\w.\[\]| ]{1,40}?=(?!=)|[:=!]?={1,3}>?|:|,|\()[ \t]{0,20}+"""
    r"""(?:[bBrRuU]{0,2}(?=["'`])|(?=[^\s"'`]))"""
)
_QUOTED = {quote: re.compile(rf"{quote}((?:[^{quote}\\\n]++|\\.)*+)({quote}|\Z)") for quote in ('"', "'", "`")}
_BARE = re.compile(r"[^\s\"'`,;(){}\[\]<>]{8,512}+(?=[ \t]*(?:[;,#\r\n]|\Z))")
_PASSWORD_NAME = re.compile(r"(?:passw(?:or)?d|passphrase|pwd)\d*$")
_KEY_NAME = re.compile(
    r"(?:secret|token|credentials?|auth|(?:api|access|private|secret|account|auth|crypt|encryption|signing|master|shared"
    r"|service|client|licen[cs]e|deploy|storage)[_-]?key)(?:[_-]?(?:id|value|base64|b64|hex|prod|dev|test|live|old|new))?\d*$"
)
_NO_SECRET = re.compile(  # references, templates, and what people write where a secret goes
    r"[$%<{*]|.*(?:\$\{|\{\{|%\(|<[a-z]|\.\.\.|xxxx|\*\*\*|your[_-]|passw|secret|token|redacted|change.?me|example"
    r"|dummy|placeholder|insert|None$|null$)|(?:string|text|str|bytes|required|optional|false|true|undefined|hidden"
    r"|integer|number|boolean|object|varchar|input|field|username|user|name|default|test(?:ing)?|off|on|yes|no|ask"
    r"|none|empty|unset|md5|plain|basic|file|prompt|env)$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?:[A-Za-z]{1,16}\d{0,3}|\d{1,4})(?:[_.:/ @-]+(?:[A-Za-z]{1,16}\d{0,3}|\d{1,4}))*+[_.:/=@-]*")
_CAMEL = re.compile(r"(?:[a-z]{2,14}|[A-Z]{1,5}[a-z]{1,14})(?:[A-Z]{1,4}[a-z]{1,14})*+\d{0,3}")
_ENTROPY_BITS = 3.0  # a letter; prose and identifiers repeat theirs more, random hexadecimal digits have 3.5 and more
MIN_PASSWORD_CHARS, MIN_KEY_CHARS = 4, 16


def find_secrets(text: str) -> list[Secret]:
    """Return the secrets of a text in its order; none overlaps another."""
    found = [*_formatted(text), *_private_keys(text), *_assigned(text)]
    return merged(found)


def merged(found: list[Secret]) -> list[Secret]:
    """Return the spans in order, those that overlap as one, of the kind of the first."""
    kept: list[Secret] = []
    for secret in sorted(found, key=lambda s: (s.start, -s.stop)):
        if kept and secret.start < kept[-1].stop:
            kept[-1] = Secret(kept[-1].start, max(kept[-1].stop, secret.stop), kept[-1].kind)
        else:
            kept.append(secret)
    return kept


def _formatted(text: str) -> Iterator[Secret]:
    for form in FORMATS:
        if any(anchor in text for anchor in form.anchors):
            for match in form.pattern.finditer(text):
                yield Secret(*match.span(form.pattern.groups), form.kind)
    if "://" in text:
        for match in _USERINFO.finditer(text):
            if not _NO_SECRET.match(match[1]):
                yield Secret(*match.span(1), "password in an address")
    for match in _HEADER.finditer(text) if "earer" in text or "asic" in text or "BEARER" in text else ():
        if _is_random(match[1]):
            yield Secret(*match.span(1), "authorization header")


def _private_keys(text: str) -> Iterator[Secret]:
    """Yield the bodies of private keys, also of one whose beginning or end was cut off."""
    if "PRIVATE KEY" not in text:
        return
    done = 0
    for begin in _KEY_BEGIN.finditer(text):
        end = _KEY_END.search(text, begin.end(), begin.end() + MAX_KEY_CHARS)
        body = _KEY_BODY.match(text, begin.end(), end.start() if end else begin.end() + MAX_KEY_CHARS)
        done = end.start() if end else body.end() if body else begin.end()
        yield Secret(begin.end(), begin.end() + len(text[begin.end() : done].rstrip()), "private key")
    first = _KEY_END.search(text)
    if first is not None and text.rfind("-----BEGIN", 0, first.start()) < 0:
        start = stop = first.start()
        while start > 0:
            line = text.rfind("\n", 0, start - 1) + 1
            if not _BASE64_LINE.fullmatch(text, line, start):
                break
            start = line
        if start < stop:
            yield Secret(start, start + len(text[start:stop].rstrip()), "private key")


def _assigned(text: str) -> Iterator[Secret]:
    """Yield the literals that are assigned to, or compared with, names that secrets have."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters have a lower case of two characters
        lower = "".join(char.lower() if char.isascii() else char for char in text)
    for word in _WORDS:
        at = lower.find(word)
        while at >= 0:
            name_stop = at + len(word)
            if rest := _NAME_REST.match(lower, name_stop):
                name_stop = rest.end()
            if secret := _assigned_at(text, lower, at, name_stop):
                yield secret
            at = lower.find(word, name_stop)


def _assigned_at(text: str, lower: str, at: int, name_stop: int) -> Secret | None:
    name = lower[max(0, at - 16) : name_stop].rstrip("_-")
    is_password = _PASSWORD_NAME.search(name) is not None
    if not is_password and not _KEY_NAME.search(name):
        return None
    operator = _OPERATOR.match(text, name_stop)
    if operator is None:
        return None
    start = operator.end()
    if quoted := _QUOTED.get(text[start : start + 1]):
        match = quoted.match(text, start)
        if match is None:
            return None
        sure = operator[0].strip("\"'`]) \t")[:1] not in (",", "(")
        judge = _is_password if is_password and sure else _is_random
        return Secret(*match.span(1), "password" if is_password else "key") if judge(match[1]) else None
    bare = _BARE.match(text, start)
    if bare is None or operator[0].strip() not in ("=", ":") or not _is_random(bare[0], 8 if is_password else 16):
        return None
    return Secret(*bare.span(), "password" if is_password else "key")


def _is_password(value: str) -> bool:
    """Return whether a literal that is assigned to a password may be one, and not a label or a template."""
    if not MIN_PASSWORD_CHARS <= len(value) <= 256 or any(char.isspace() for char in value):
        return False
    return not _NO_SECRET.match(value) and not value.endswith((":", "?")) and len(set(value)) > 2


def _is_random(value: str, least_chars: int = MIN_KEY_CHARS) -> bool:
    """Return whether a text mixes digits, or both cases of letters, in an order that no name or word has."""
    if not least_chars <= len(value) <= 4096 or not value.isascii() or any(char.isspace() for char in value):
        return False
    digits, letters = any(map(str.isdigit, value)), any(map(str.isalpha, value))
    is_mixed = letters and (digits or (value.lower() != value and value.upper() != value))
    if not is_mixed or _NO_SECRET.match(value):
        return False
    if _LABEL.fullmatch(value) or _CAMEL.fullmatch(value) or "://" in value:
        return False
    return entropy_bits(value) >= _ENTROPY_BITS


def entropy_bits(text: str) -> float:
    """Return Shannon's entropy of the characters of a text, in bits a character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def is_near_private_key(lines: Sequence[str], start: int, stop: int) -> bool:
    """Return whether lines may hold a piece of a private key, whose middle has nothing to tell it by."""
    near = lines[max(0, start - MAX_KEY_LINES) : stop + MAX_KEY_LINES]
    return any("PRIVATE KEY" in line and "-----" in line for line in near)
