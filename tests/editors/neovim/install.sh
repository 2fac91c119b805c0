#!/usr/bin/env bash
# Install Neovim of Debian's testing suite, with a libc of its own, into a folder that nothing else uses.
# Prints the path of the program. Quick when it is there. SUITE=sid takes another suite. Where there is npm, stylua comes
# into a folder beside it.
set -euo pipefail

prefix=${CODEFUSE_EDITORS:-$HOME/.cache/codefuse-editors}/neovim
nvim=$prefix/usr/bin/nvim
suite=${SUITE:-forky}

stylua=$(dirname "$prefix")/stylua
if command -v npm >/dev/null && [ ! -e "$stylua/package.json" ]; then
  npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$stylua" @johnnymorganz/stylua@2.5.2 >&2
fi

if "$nvim" --version >/dev/null 2>&1; then
  echo "$nvim"
  exit 0
fi

# The mirror that this machine takes its packages from anyway.
mirror=$(sed -n 's/^URIs: //p' /etc/apt/sources.list.d/debian.sources | head -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$prefix"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$prefix"
: >"$work/status"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$work";
Dir::State::status "$work/status";
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
CONF

{
  APT_CONFIG=$work/apt.conf apt-get -qq update
  APT_CONFIG=$work/apt.conf apt-get -qq -y install --download-only neovim
  for package in "$work"/cache/archives/*.deb; do
    dpkg -x "$package" "$prefix"
  done
  command -v patchelf >/dev/null || { apt-get -qq update && apt-get -qq -y install --no-install-recommends patchelf; }
  # A loader and a search path of its own, not LD_LIBRARY_PATH: programs that it starts keep theirs.
  libraries=$(dirname "$(find "$prefix/usr/lib" -name 'ld-linux*.so.*' | head -1)")
  loader=$(find "$libraries" -name 'ld-linux*.so.*' | head -1)
  patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$nvim"
  "$nvim" --version
} >&2
echo "$nvim"
