// Documents that the server owns, such as explanations: Markdown is shown rendered, and grows while it is written.
import * as vscode from 'vscode'
import type { WindowMiddleware } from 'vscode-languageclient/node'

export const SCHEME = 'codefuse'
const MOST = 50 // texts that are kept for documents which may be open still

type ShowDocument = NonNullable<WindowMiddleware['showDocument']>

/** Middleware of the client: what is Markdown of the server's opens as a preview beside the code. */
export const showDocument: ShowDocument = async (params, token, next) => {
  const uri = vscode.Uri.parse(params.uri, true)
  if (uri.scheme !== SCHEME || !uri.path.endsWith('.md') || !previewable()) return next(params, token)
  try {
    await vscode.workspace.openTextDocument(uri) // before the preview asks for it, so that a failure is seen here
    await vscode.commands.executeCommand('markdown.showPreviewToSide', uri)
    return { success: true }
  } catch {
    return next(params, token)
  }
}

/** The editor's own Markdown extension can be turned off. */
function previewable(): boolean {
  return vscode.extensions.getExtension('vscode.markdown-language-features') !== undefined
}

/** Show a text of this extension's in a document that cannot be edited. */
export class TextViews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  static readonly scheme = 'codefuse-text'

  private readonly texts = new Map<string, string>()
  private count = 0
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(TextViews.scheme, this)

  async show(name: string, text: string, language = 'markdown'): Promise<void> {
    const uri = vscode.Uri.from({ scheme: TextViews.scheme, path: `/${name}`, query: String(++this.count) })
    this.texts.set(uri.toString(), text)
    const [oldest] = this.texts.keys()
    if (this.texts.size > MOST && oldest) this.texts.delete(oldest)
    const document = await vscode.workspace.openTextDocument(uri)
    await vscode.languages.setTextDocumentLanguage(document, language)
    if (language === 'markdown' && previewable()) await vscode.commands.executeCommand('markdown.showPreview', uri)
    else await vscode.window.showTextDocument(document, { preview: true })
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? ''
  }

  dispose(): void {
    this.registration.dispose()
  }
}
