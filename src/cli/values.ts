import { isObject } from '../ground/objects.ts'
import { UsageError } from './command.ts'
import { jsonErrorAt } from './json.ts'

/** @throws UsageError, as all of these do when a value is not what it has to be. */
export function urlValue(text: string | undefined): URL {
  if (text === undefined) throw new UsageError('The URL of the MCP server is missing.')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  const guess = `http://${text.replace(/^\/*/, '')}`
  const hint = /^[\w.-]+:\d+(\/|$)/.test(text) ? ` Did you mean ${guess}?` : ''
  throw new UsageError(`${text} is not the URL of an MCP server.${hint}`)
}

/** `--header 'Name: value'`. The value may be a secret and is never shown. */
export function headerValues(texts: string[]): Record<string, string> {
  const headers = new Headers()
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^:\s]+):\s*(.*)$/.exec(text) ?? []
    try {
      headers.set(name, value)
    } catch {
      throw new UsageError("Write a header as --header 'Name: value'.")
    }
  }
  return Object.fromEntries(headers)
}

/** @returns milliseconds. */
export function secondsValue(option: string, text: string | undefined, normal: number): number {
  const seconds = text === undefined ? normal : Number(text)
  const isFit = text?.trim() !== '' && seconds >= 0 && seconds <= 2_000_000
  if (!isFit) throw new UsageError(`--${option} takes a number of seconds, not ${text ?? ''}.`)
  return Math.round(seconds * 1000)
}

/** @param least 0 where that means a free port, else 1. */
export function portValue(
  option: string,
  text: string | undefined,
  least: 0 | 1,
): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= least && port <= 65_535) return port
  throw new UsageError(`--${option} takes a port from ${least} to 65535, not ${text}.`)
}

export function jsonObjectValue(option: string, text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {}
  const at = jsonErrorAt(text)
  if (at !== undefined) {
    const before = text.slice(Math.max(0, at - 20), at)
    const where = at === text.length ? 'it ends too early' : `after ${before || 'the very start'}`
    throw new UsageError(`--${option} is not JSON at character ${at + 1}, ${where}`)
  }
  const value: unknown = JSON.parse(text)
  if (isObject(value)) return value
  throw new UsageError(`--${option} takes a JSON object, for instance '{"name": "value"}'.`)
}

/** The id of a session, as servers may give them: visible ASCII. */
export function sessionValue(text: string | undefined): string | undefined {
  if (text === undefined || /^[\x21-\x7e]+$/.test(text)) return text
  throw new UsageError('--session takes the id of a session, which has neither spaces nor accents.')
}

/** `--answer key=value` */
export function pairValues(option: string, texts: string[]): [string, string][] {
  return texts.map((text) => {
    const at = text.indexOf('=')
    if (at < 1) throw new UsageError(`Write --${option} key=value, not ${text}.`)
    return [text.slice(0, at), text.slice(at + 1)]
  })
}

/** @throws UsageError when there are more words than the command takes. */
export function noMore(positionals: string[], count: number): void {
  const extra = positionals[count]
  if (extra !== undefined) throw new UsageError(`${extra} is one word too many.`)
}

const ownClaims = ['iss', 'iat', 'exp', 'jti', 'sub', 'aud', 'client_id', 'scope']

/** `--claim groups=["a","b"]`, `--claim email=a@b`; those that have an option are refused. */
export function claimValues(option: string, texts: string[]): Record<string, unknown> {
  const claims = pairValues(option, texts).map(([name, text]): [string, unknown] => {
    if (ownClaims.includes(name)) {
      throw new UsageError(
        `--${option} cannot set ${name}, which is set by itself or by an option.`,
      )
    }
    if (!/^[[{]/.test(text)) return [name, text]
    const at = jsonErrorAt(text)
    if (at !== undefined)
      throw new UsageError(`--${option} ${name} is not JSON at character ${at + 1}.`)
    return [name, JSON.parse(text) as unknown]
  })
  return Object.fromEntries(claims)
}
