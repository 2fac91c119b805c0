// Elements of the page, made in one expression. Text is only ever text here.

type Attributes = Record<string, string | boolean | undefined | ((event: Event) => void)>

/** Return a new element; an attribute that is a function listens to the event of its name. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string | undefined)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name, value)
    else if (value === true) made.setAttribute(name, '')
    else if (value !== undefined && value !== false) made.setAttribute(name, value)
  }
  made.append(...children.filter((child) => child !== undefined))
  return made
}

/** Return a button that shows an icon and is told to screen readers by its label. */
export function iconButton(icon: string, label: string, click: (event: Event) => void): HTMLButtonElement {
  return element('button', { class: 'icon', type: 'button', title: label, 'aria-label': label, click }, codicon(icon))
}

export function codicon(name: string): HTMLElement {
  return element('span', { class: `codicon codicon-${name}`, 'aria-hidden': 'true' })
}
