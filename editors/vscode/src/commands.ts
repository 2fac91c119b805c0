// The names of the commands; those of the server's own (codefuse.explain, codefuse.writeTests, …) come with the server.

export const Command = {
  menu: 'codefuse.showMenu',
  restart: 'codefuse.restartServer',
  showLog: 'codefuse.showLog',
  toggle: 'codefuse.toggleGhostText',
  toggleLanguage: 'codefuse.toggleGhostTextInLanguage',
  acceptWord: 'codefuse.acceptWord',
  acceptLine: 'codefuse.acceptLine',
  why: 'codefuse.whyNoSuggestion',
  inspectPrompt: 'codefuse.inspectPrompt',
  explain: 'codefuse.explainSelection',
  writeTests: 'codefuse.writeTestsForSelection',
  focusChat: 'codefuse.chat.focus', // the editor makes this one for the view
  newChat: 'codefuse.newChat',
  history: 'codefuse.chatHistory',
  addSelection: 'codefuse.addSelectionToChat',
  addFile: 'codefuse.addFileToChat',
  exportChat: 'codefuse.exportChat',
  edit: 'codefuse.editSelection',
  acceptProposal: 'codefuse.acceptProposal',
  acceptHunk: 'codefuse.acceptProposedChange',
  discardHunk: 'codefuse.discardProposedChange',
  discardProposal: 'codefuse.discardProposal',
  commitMessage: 'codefuse.writeCommitMessage',
  review: 'codefuse.reviewFile',
  clearReview: 'codefuse.clearReview',
} as const
