import sysconfig
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefuse_lsp.context.secret_formats import Secret, entropy_bits, find_secrets, merged

A36 = "q7Rz0Lw2Xc9Vb4Nm1Kj8Hg5Fd3Sa6Po0Iu7Y"  # 36 letters and digits; no secret here has ever been one
HEX64 = "9f2c4b7a1e6d8035" * 4
KEY_LINES = ("MIIEowIBAAKCAQEAx7" + A36 + "\n") * 4
TOKENS = {
    "AWS access key": "AKIA" + "QRSTUVWX23456789",
    "GitHub token": "ghp_" + A36,
    "GitHub fine-grained token": "github_pat_" + A36[:22] + "_" + A36 + A36[:23],
    "GitLab token": "glpat-" + A36[:20],
    "Slack token": "xoxb-" + "123456789012-123456789012-" + A36[:24],
    "Stripe key": "sk_" + "live_" + A36[:24],
    "Stripe webhook secret": "whsec_" + A36[:32],
    "OpenAI key": "sk-proj-" + A36 + "_-" + A36,
    "Anthropic key": "sk-ant-api03-" + A36 * 2,
    "Google API key": "AIza" + A36[:35],
    "Google OAuth secret": "GOCSPX-" + A36[:28],
    "npm token": "npm_" + A36,
    "PyPI token": "pypi-AgE" + "IcHlwaS5vcmc" + A36 * 2,
    "Hugging Face token": "hf_" + A36[:34],
    "SendGrid key": "SG." + A36[:22] + "." + A36 + A36[:7],
    "DigitalOcean token": "dop_v1_" + HEX64,
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + A36,
}


def secrets_in(text: str) -> list[str]:
    return [text[secret.start : secret.stop] for secret in find_secrets(text)]


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("line", ["client = Client('{}')", "# {}\n", "{}", '{{"a": "{}"}}', "curl -u {}: https://a.b"])
def test_tokens_are_told_by_their_format_wherever_they_stand(token: str, line: str) -> None:
    assert secrets_in(line.format(token)) == [token]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgres://app:s3cr3t!x@db.example.com/main", "s3cr3t!x"),
        ("url = 'redis://:h7Gq2@cache:6379/0'", "h7Gq2"),
        ("mongodb+srv://root:p%40ss9@cluster0.a.net", "p%40ss9"),
        ("https://hooks.slack.com/services/T0AB/B0CD/" + A36[:24], "T0AB/B0CD/" + A36[:24]),
        ("Authorization: Bearer " + A36, A36),
        ("headers = {'authorization': 'Basic dXNlcjpwYXNzdzByZDEyMw=='}", "dXNlcjpwYXNzdzByZDEyMw=="),
        ("AccountName=a;AccountKey=" + A36 + A36 + "==;Suffix=b", A36 + A36 + "=="),
    ],
)
def test_passwords_in_addresses_and_headers_are_found_and_nothing_else(text: str, secret: str) -> None:
    assert secrets_in(text) == [secret]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('password = "hunter2"', "hunter2"),
        ("db_password: str = 'sword-fish'", "sword-fish"),
        ('{"password": "tr0ub4dor"}', "tr0ub4dor"),
        ("if passwd == 'swordfish':", "swordfish"),
        ('const dbPassword = `o"p en`;', None),
        ('const dbPassword = `o"pen`;', 'o"pen'),
        (".password('Xk2-9vQ7-pL4m-Zt8w')", "Xk2-9vQ7-pL4m-Zt8w"),
        ("os.environ['DB_PASSWORD'] = 'x7\\'y8'", "x7\\'y8"),
        ("DB_PASSWORD=x7y8z9q1w2\n", "x7y8z9q1w2"),
        ("  password: x7y8z9q1w2 # of the database\n", "x7y8z9q1w2"),
        (f'SECRET_KEY = "{A36}"', A36),
        (f"api-key: {A36}\n", A36),
        (f'apiKey := "{A36}"', A36),
        (f'"client_secret" => "{A36}"', A36),
        (f'setenv("AWS_SECRET_ACCESS_KEY", "{A36}")', A36),
        (f'access_token = b"{HEX64}"', HEX64),
        ('password = "hunt', "hunt"),  # still being typed
    ],
)
def test_literals_given_to_suspicious_names_are_found(text: str, secret: str | None) -> None:
    assert secrets_in(text) == ([secret] if secret else [])


@pytest.mark.parametrize(
    "text",
    [
        "password = input('Password: ')",
        "password = os.environ['DB_PASSWORD']",
        'password = ""',
        'password = "${DB_PASSWORD}"',
        'password: "your-password-here"',
        "password = get_password(user)",
        "password_field = 'pwd_input'",
        '{"password": {"type": "string"}, "token": "string"}',
        "token = 'identifier'",
        "token = lexer.next_token_2()",
        "TOKEN_URL = 'https://a.example.com/oauth2/v1/token'",
        "secret = Secret.from_name('database-credentials-v2')",
        "api_key = 'YOUR_API_KEY_1234567890'",
        "postgres://user:${PASSWORD}@host/db",
        "postgres://user:password@host/db",
        "https://example.com:8080/@scope/package",
        "commit 9f2c4b7a1e6d80359f2c4b7a1e6d80359f2c4b7a",
        "id = '123e4567-e89b-12d3-a456-426614174000'",
        '"integrity": "sha512-' + A36 * 2 + '=="',
        "data = base64.b64decode('" + A36 * 4 + "')",
        "if '-----BEGIN PRIVATE KEY-----' in text: raise ValueError",
        "-----BEGIN PUBLIC KEY-----\n" + KEY_LINES + "-----END PUBLIC KEY-----",
        "sk-learn-based-classifier-for-everything",
        "key = 'the_name_of_a_column_2'",
        "Basic authentication-is-not-supported-yet",
    ],
)
def test_references_templates_names_and_hashes_are_left_alone(text: str) -> None:
    assert secrets_in(text) == []


@pytest.mark.parametrize("kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
def test_the_body_of_a_private_key_is_found(kind: str) -> None:
    text = f"before\n-----BEGIN {kind}-----\n{KEY_LINES}-----END {kind}-----\nafter\n"
    assert secrets_in(text) == [KEY_LINES.rstrip()]


def test_a_private_key_is_found_inside_a_string_and_behind_headers() -> None:
    inside = KEY_LINES.replace("\n", "\\n")
    (found,) = secrets_in(f'{{"private_key": "-----BEGIN PRIVATE KEY-----\\n{inside}-----END PRIVATE KEY-----\\n"}}')
    assert all(line in found for line in KEY_LINES.split())
    headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,9F2C\n\n"
    (found,) = secrets_in(f"-----BEGIN RSA PRIVATE KEY-----\n{headers}{KEY_LINES}-----END RSA PRIVATE KEY-----")
    assert found == KEY_LINES.rstrip()


def test_a_private_key_whose_beginning_or_end_was_cut_off_is_found() -> None:
    assert secrets_in(f"{KEY_LINES}-----END PRIVATE KEY-----\nx = 1\n") == [KEY_LINES.rstrip()]
    assert secrets_in(f"x = 1\n-----BEGIN PRIVATE KEY-----\n{KEY_LINES}") == [KEY_LINES.rstrip()]


def test_spans_that_overlap_become_one() -> None:
    spans = [Secret(5, 9, "b"), Secret(0, 6, "a"), Secret(9, 10, "c")]
    assert merged(spans) == [Secret(0, 9, "a"), Secret(9, 10, "c")]


@given(st.text())
def test_any_text_is_read_and_the_spans_lie_in_it_in_order(text: str) -> None:
    spans = find_secrets(text)
    edges = [edge for span in spans for edge in (span.start, span.stop)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(text) for edge in edges)
    assert all(span.start < span.stop for span in spans)


HOSTILE = {
    "anchors": "AKIAghp_glpat-xoxb-sk-AIzanpm_pypi-AgEhf_SG.eyJ",
    "addresses": "://a:b",
    "long addresses": "://" + "a" * 90 + ":" + "b" * 150,
    "names": "password",
    "assignments": "password=",
    "quotes": "password=\"'`",
    "escapes": 'password="\\\\\\',
    "key beginnings": "-----BEGIN PRIVATE KEY-----\n",
    "key ends": "-----END PRIVATE KEY-----\n",
    "base64 lines": "A" * 76 + "\n",
    "half tokens": "eyJaaaaaaaaaa.",
    "annotations": "token:" + "a" * 39,
    "spaces": "token" + " " * 30,
    "keys": "-----BEGIN PRIVATE KEY-----\n" + "A" * 20,
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_text_made_to_stall_takes_time_in_proportion_to_its_length(piece: str) -> None:
    def seconds(chars: int) -> float:
        text = piece * (chars // len(piece))
        started = time.thread_time()
        find_secrets(text)
        return time.thread_time() - started

    short = min(seconds(20_000) for _ in range(3))
    assert min(seconds(160_000) for _ in range(3)) < 8 * 4 * max(short, 0.002)  # 64 times, were it quadratic


def test_the_standard_library_has_hardly_a_secret_in_it() -> None:
    """Those it has are passwords in its own tests and examples; the bound is 1 in 20,000 lines."""
    folder = Path(sysconfig.get_path("stdlib"))
    texts = [path.read_text("utf-8", "replace") for path in sorted(folder.glob("*.py"))]
    found = [secret for text in texts for secret in secrets_in(text)]
    assert sum(text.count("\n") for text in texts) > 50_000
    assert len(found) <= sum(text.count("\n") for text in texts) / 20_000


def test_random_letters_have_more_entropy_than_words() -> None:
    assert entropy_bits("aaaa") == 0
    assert entropy_bits(HEX64) > 3.4 > entropy_bits("password_password")
