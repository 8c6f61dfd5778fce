import { isLocal } from './endings.ts'

/**
 * Why a page that a server wants to be visited is not offered: only what is `https`, or `http` on
 * this machine, is a page that nobody on the way can change. `javascript:`, `file:` or `ssh:` would
 * make a browser, or another program, do something here.
 */
export function whyNotOffered(url: URL): string | undefined {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal(url))) return undefined
  return url.protocol === 'http:'
    ? 'It is http, which anybody on the way can read and change.'
    : `It is no page of the web, but ${url.protocol}`
}

/** What an address may seem to be and is not. */
export function warningsOf({ username, password, hostname }: URL): string[] {
  return [
    ...(username === '' && password === ''
      ? []
      : [`What stands before @ in the link is no address: the page is at ${hostname}.`]),
    ...(/(^|\.)xn--/.test(hostname)
      ? ['Its name has letters in it that may look like others.']
      : []),
  ]
}
