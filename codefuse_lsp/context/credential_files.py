"""Which files are never read: keys and credentials, told by their path alone.

Input: a path. Output: what such a file holds, or None. Knows nothing of the user's own ignore patterns.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePath

# What a denied file is -> patterns of its lower-case name.
DENIED_NAMES: dict[str, tuple[str, ...]] = {
    "environment variables, where secrets are put by custom": (".env", ".env.*", "*.env", ".envrc", ".envrc.*"),
    "private keys and certificates with keys": (
        *("*.pem", "*.key", "*.p12", "*.pfx", "*.p8", "*.pk8", "*.der", "*.ppk", "*.jks", "*.keystore", "*.bks"),
        *("*.keytab", "*.snk", "*.mobileprovision", "*.ovpn", "*.asc", "*.gpg", "*.pgp", "*.age"),
    ),
    "SSH identities": (
        *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "id_xmss*", "ssh_host_*_key", "authorized_keys"),
    ),
    "password stores": ("*.kdbx", "*.kdb", "*.psafe3", "*.agilekeychain", "*.opvault", "*.keychain", "*.keychain-db"),
    "logins of tools": (
        *(".netrc", "_netrc", ".npmrc", ".yarnrc.yml", ".pypirc", ".pgpass", "pgpass.conf", ".my.cnf", ".mylogin.cnf"),
        *(".git-credentials", ".dockercfg", ".dockerconfigjson", ".htpasswd", ".htdigest", ".s3cfg", ".boto"),
        *(".terraformrc", "terraform.rc", ".vault-token", ".cargo-credentials", ".rediscli_auth", "kubeconfig"),
        *("*.kubeconfig", "auth.json", "shadow", "gshadow"),
    ),
    "credentials by name": (
        *("credentials", "credentials.*", ".credentials", ".credentials.*", "*_credentials.json", "*-credentials.json"),
        *("secrets.json", "secrets.y*ml", "secrets.toml", "secrets.ini", "secret.y*ml", "secret.json", "secret.toml"),
        *("service-account*.json", "service_account*.json", "client_secret*.json", "token.json", "tokens.json"),
    ),
    "infrastructure state, which holds what it made": ("*.tfstate", "*.tfstate.*", "*.tfvars", "*.tfvars.json"),
    "what was typed into shells": (".*_history", ".*-history"),
}
# Folders whose files are all denied.
DENIED_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".password-store", "gcloud"})
# Files with an ordinary name in a folder that gives them away.
DENIED_IN_FOLDER = frozenset(
    {(".docker", "config.json"), ("gh", "hosts.yml"), (".git", "config"), (".m2", "settings.xml")}
)
# Samples made to be shared, and the public half of a key.
ALLOWED_NAMES = ("*.example", "*.sample", "*.template", "*.pub")
# Source code may be called after what it handles: `credentials.py` is read, `credentials.json` is not.
SOURCE_SUFFIXES = {
    *(
        ".py",
        ".pyi",
        ".js",
        ".jsx",
        ".mjs",
        ".cjs",
        ".ts",
        ".tsx",
        ".go",
        ".rs",
        ".java",
        ".kt",
        ".scala",
        ".rb",
        ".php",
    ),
    *(".cs", ".c", ".h", ".cc", ".cpp", ".hpp", ".swift", ".dart", ".ex", ".exs", ".erl", ".hs", ".ml", ".clj", ".lua"),
    *(".sh", ".bash", ".zsh", ".ps1", ".vue", ".svelte", ".html", ".css", ".scss", ".sql", ".md", ".rst", ".tf"),
}


def credentials_in(path: str | PurePath) -> str | None:
    """Return what a file holds that must never be read, by its name and the folders it lies in; else None."""
    pure = PurePath(str(path).replace("\\", "/"))  # a Windows path is understood on every system
    if DENIED_FOLDERS.intersection(part.lower() for part in pure.parts[:-1]):
        return "keys and logins"
    name = pure.name.lower()
    if (pure.parent.name.lower(), name) in DENIED_IN_FOLDER:
        return "logins of tools"
    if any(fnmatchcase(name, pattern) for pattern in ALLOWED_NAMES):
        return None
    if pure.suffix.lower() in SOURCE_SUFFIXES and not name.startswith(".env"):
        return None
    return next(
        (kind for kind, patterns in DENIED_NAMES.items() if any(fnmatchcase(name, pattern) for pattern in patterns)),
        None,
    )
