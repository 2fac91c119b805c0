// Where links and paths of an answer lead: to a page, after the editor has asked, or to a file of the workspace.
import * as vscode from 'vscode'

export async function openLink(href: string): Promise<void> {
  if (/^(https?|mailto):/i.test(href)) {
    await vscode.env.openExternal(vscode.Uri.parse(href, true))
    return
  }
  const [path = '', line] = decoded(href.replace(/^file:\/\//, '')).split(/[#:]L?(?=\d+$)/)
  const file = await fileAt(path)
  const at = new vscode.Position(Math.max(0, Number(line ?? 1) - 1), 0)
  if (file) await vscode.window.showTextDocument(file, { selection: new vscode.Range(at, at) })
  else void vscode.window.showInformationMessage(`There is no file ${path} in this workspace.`)
}

/** Return the file of the workspace that a path means, from one of its folders or from anywhere in them. */
export async function fileAt(path: string): Promise<vscode.Uri | undefined> {
  const relative = path.replace(/^[./\\]+/, '')
  if (!relative) return undefined
  for (const { uri } of vscode.workspace.workspaceFolders ?? []) {
    const file = vscode.Uri.joinPath(uri, relative)
    if (await isFile(file)) return file
  }
  const pattern = `**/${relative.replace(/[[\]{}*?]/g, '[$&]')}` // a path, though it may look like a pattern
  return (await vscode.workspace.findFiles(pattern, undefined, 1))[0]
}

async function isFile(uri: vscode.Uri): Promise<boolean> {
  try {
    return (await vscode.workspace.fs.stat(uri)).type !== vscode.FileType.Directory
  } catch {
    return false
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a sign of per cent that is meant
  }
}
