#!/usr/bin/env bash
set -euo pipefail

# prints what went wrong and ends
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

newest() {
  local folder=$1 name
  for name in "$folder"/*.tar; do
    [[ -e $name ]] || continue
    printf '%s\n' "$name"
  done | sort | tail -n 1
}

usage() {
  cat <<TEXT
usage: backup FOLDER
    -n  do nothing
TEXT
}

function pack {
  local target
  target="$(date +%F).tar"
  if ! tar -cf "$target" -- "$1"; then
    rm -f "$target"
    die "cannot pack $1"
  fi
  case $target in
    20*) echo "$target" ;;
    *) die "odd date" ;;
  esac
}
