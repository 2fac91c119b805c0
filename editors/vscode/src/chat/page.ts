// The page of the chat view: nothing but this extension's own script and style runs in it, and nothing is fetched.
import { randomBytes } from 'node:crypto'
import * as vscode from 'vscode'

export function pageOf(webview: vscode.Webview, dist: vscode.Uri): string {
  const nonce = randomBytes(18).toString('base64')
  const file = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString()
  const policy = [
    "default-src 'none'",
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="${file('chat.css')}">
    <title>CodeFuse chat</title>
  </head>
  <body>
    <script nonce="${nonce}" src="${file('chat.js')}"></script>
  </body>
</html>`
}
