#!/usr/bin/env bash
# Emacs 30, tmux where it is missing, and the packages that our client is tested beside, in a folder of their own.
#
# Debian's packages are fetched from the mirror this machine uses already, and unpacked without installing anything:
# neither root nor a change of the system is needed. Emacs is the one that backports hold for this release, with those
# of its libraries that the system lacks; Emacs Lisp packages come from a newer release, as plain files.
set -euo pipefail
prefix=${CODEFUSE_EDITORS:-$HOME/.cache/codefuse-editors}/emacs
stamp=$prefix/installed
[ -e "$stamp" ] && exit 0

. /etc/os-release
mirror=$(sed -n 's/^URIs: //p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
[ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*/\2/p' /etc/apt/sources.list | head -1)
[ -n "$mirror" ] || { echo "This machine names no mirror of Debian." >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# apt_of NAME STATUS LINE...: an apt of our own, which knows these sources only.
apt_of() {
  local state=$work/$1 status=$2
  shift 2
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  printf '%s\n' "$@" > "$state/sources.list"
  cat > "$state/apt.conf" <<CONF
Dir::Etc::sourcelist "$state/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
Dir::State "$state"; Dir::State::status "$status"; Dir::State::lists "$state/lists"; Dir::Cache "$state/cache";
Acquire::Languages "none"; APT::Sandbox::User ""; APT::Install-Recommends "false"; Debug::NoLocking "true";
CONF
  APT_CONFIG=$state/apt.conf apt-get -qq update
}

unpack() {
  for deb in "$work/$1"/cache/archives/*.deb; do dpkg -x "$deb" "$prefix"; done
}

rm -rf "$prefix"
mkdir -p "$prefix"
signed="[signed-by=$keyring]"
apt_of editor /var/lib/dpkg/status "deb $signed $mirror $VERSION_CODENAME main" \
  "deb $signed $mirror $VERSION_CODENAME-backports main"
APT_CONFIG=$work/editor/apt.conf apt-get -qq -y --download-only \
  -t "$VERSION_CODENAME-backports" install emacs-nox tmux >/dev/null
(cd "$work/editor/cache/archives" && APT_CONFIG=$work/editor/apt.conf apt-get -qq download patchelf)
unpack editor

: > "$work/empty"
apt_of lisp "$work/empty" "deb $signed $mirror forky main"
(cd "$work/lisp/cache/archives" && APT_CONFIG=$work/lisp/apt.conf apt-get -qq download elpa-company elpa-corfu \
  elpa-compat elpa-dash elpa-f elpa-ht elpa-lsp-mode elpa-lv elpa-markdown-mode elpa-package-lint elpa-s elpa-spinner)
unpack lisp

# The editor finds all that belongs to it beside itself.
home=$prefix/usr
version=$(basename "$home"/share/emacs/[0-9]*)
libraries=$home/lib/$(uname -m)-linux-gnu
mkdir -p "$prefix/bin"
for program in emacs-nox tmux; do
  [ -e "$home/bin/$program" ] || continue  # the system's tmux is as new already
  "$home/bin/patchelf" --force-rpath --set-rpath "$libraries" "$home/bin/$program"
  ln -s "$home/bin/$program" "$prefix/bin/"
done
cat > "$prefix/bin/emacs" <<RUN
#!/bin/sh
export EMACSLOADPATH="$home/share/emacs/$version/lisp" EMACSDATA="$home/share/emacs/$version/etc"
export EMACSDOC="$home/share/emacs/$version/etc" EMACSPATH="$(echo "$home"/libexec/emacs/*/*)"
exec "$home/bin/emacs-nox" --dump-file="$(echo "$home"/libexec/emacs/*/*/emacs-*.pdmp)" "\$@"
RUN
ln -s "$home/share/emacs/site-lisp/elpa-src" "$prefix/elpa"
chmod +x "$prefix/bin/emacs"
"$prefix/bin/emacs" -Q --batch --eval '(princ (format "GNU Emacs %s\n" emacs-version))'
touch "$stamp"
