import pytest

from codefuse_lsp.context.credential_files import credentials_in


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "app/.env.local", ".env.production", "prod.env", ".envrc", "server.pem", "TLS.KEY", "store.p12"),
        *("vault.kdbx", "id_rsa", "/home/a/.ssh/config", "id_ed25519", ".netrc", ".npmrc", ".pypirc", ".pgpass"),
        *("credentials", ".aws/credentials", "credentials.json", "secrets.yaml", "gcp-credentials.json"),
        *("terraform.tfstate", "prod.tfvars", ".bash_history", ".docker/config.json", r"C:\Users\a\.ssh\known_hosts"),
        *("service-account-prod.json", ".git-credentials", "release.keystore"),
    ],
)
def test_keys_and_credentials_are_never_read(path: str) -> None:
    assert credentials_in(path)


@pytest.mark.parametrize(
    "path",
    [
        *(".env.example", ".env.sample", "deploy/.env.template", "id_rsa.pub", "main.py", "credentials.py"),
        *("environment.ts", "keys.go", "src/config.json", "secrets.rs", "README.md", "a/env/b.py", "monkey.py"),
    ],
)
def test_ordinary_files_are_read(path: str) -> None:
    assert credentials_in(path) is None
