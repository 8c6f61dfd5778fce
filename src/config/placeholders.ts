import path from 'node:path'

import type { Credential, Template } from '../ground/credentials.ts'
import { isHeaderName, placeholderOf } from '../ground/credentials.ts'

/** What a placeholder can stand for. */
export interface Scope {
  /** The variable of that name, from the gateway's environment or the server's `envFile`. */
  variable(name: string): string | undefined
  /** What stands in a file, without the space around it; `fail` is told why that is unknown. */
  file(path: string, fail: (why: string) => void): string | undefined
  /** `${workspaceFolder}` and the like, as VS Code and Cursor know them. */
  folders: ReadonlyMap<string, string>
  /** What `${PORT}` becomes: `${PORT}` itself where the driver fills it; undefined: a variable. */
  port: string | undefined
  /** Only `${PORT}` is filled: a shell has done the rest. */
  literal: boolean
}

export function folderNames(base: string, homeDir: string): Map<string, string> {
  return new Map([
    ['workspaceFolder', base],
    ['workspaceFolderBasename', path.basename(base)],
    ['userHome', homeDir],
    ['pathSeparator', path.sep],
    ['/', path.sep],
  ])
}

/**
 * Fills `${VAR}`, `${VAR:-default}`, `${env:VAR}`, `${file:PATH}`, `${input:ID}` (from the variable of
 * that name) and the folders; anything else that has a `$`
 * stays as it is, because it may be meant for a shell.
 *
 * @param fail is told why a placeholder cannot be filled, without any value
 */
export function fill(text: string, scope: Scope, fail: (why: string) => void): string {
  const parts = fillTemplate(text, scope, fail).map((part) => {
    if (typeof part === 'string') return part
    fail(
      `${placeholderOf(part)} can stand in env and headers only: it is known when a session opens.`,
    )
    return ''
  })
  return parts.join('')
}

/** The same where what is known only when a session opens may stay open. */
export function fillTemplate(text: string, scope: Scope, fail: (why: string) => void): Template {
  const parts: (string | Credential)[] = []
  let at = 0
  for (;;) {
    const start = text.indexOf('${', at)
    const end = start < 0 ? -1 : closing(text, start + 2)
    if (end < 0) return joined([...parts, text.slice(at)])
    const whole = text.slice(start, end + 1)
    parts.push(text.slice(at, start), ...(valueOf(whole.slice(2, -1), scope, fail) ?? [whole]))
    at = end + 1
  }
}

/** Texts that stand beside each other as one. */
function joined(parts: Template): Template {
  const out: (string | Credential)[] = []
  for (const part of parts) {
    const last = out.at(-1)
    if (typeof part === 'string' && typeof last === 'string') out[out.length - 1] = last + part
    else if (part !== '') out.push(part)
  }
  return out
}

/** Undefined: this is no placeholder of ours. */
function valueOf(inner: string, scope: Scope, fail: (why: string) => void): Template | undefined {
  const [, prefix, name, fallback] =
    /^(env:)?([A-Za-z_]\w*|\/)(?::-([\s\S]*))?$/.exec(inner) ?? ([] as undefined[])
  if (name === 'PORT' && prefix === undefined && scope.port !== undefined) return [scope.port]
  if (scope.literal) return undefined
  const [, file] = /^file:(.+)$/.exec(inner) ?? []
  if (file !== undefined) return textPart(scope.file(file, fail))
  const [, question] = /^input:([^:]+)$/.exec(inner) ?? []
  if (question !== undefined) {
    const answer = scope.variable(variableFor(question))
    if (answer === undefined) fail(inputText(question))
    return textPart(answer)
  }
  if (name === undefined) {
    if (foreign.test(inner))
      fail(`\${${inner}} is known to VS Code only; write the value or a variable.`)
    return credentialIn(inner, fail)
  }
  const folder = prefix === undefined ? scope.folders.get(name) : undefined
  if (folder !== undefined) return [folder]
  const value = scope.variable(name)
  if (fallback !== undefined && (value ?? '') === '') return fillTemplate(fallback, scope, fail)
  if (value === undefined) fail(unsetText(name))
  return textPart(value)
}

const textPart = (value: string | undefined): Template | undefined =>
  value === undefined ? undefined : [value]

/** `claims.sub`, `secret:NAME`, `userSecret:NAME` or `header:X-Name`. */
function credentialIn(inner: string, fail: (why: string) => void): Template | undefined {
  const [, claim, kind, other = ''] =
    /^(?:claims\.([\s\S]*)|(secret|userSecret|header):([\s\S]*))$/.exec(inner) ??
    ([] as undefined[])
  const name = claim ?? other
  if (claim === undefined && kind === undefined) return undefined
  const place: Credential = { kind: (kind ?? 'claim') as Credential['kind'], name }
  const isName =
    place.kind === 'claim'
      ? /^(?!.*:-)[^\s{}]+$/.test(name)
      : place.kind === 'header'
        ? isHeaderName(name)
        : /^[A-Za-z_][\w.-]*$/.test(name)
  if (!isName) {
    fail(`\${${inner}} has no name that it can have (a default is not possible). ${examples}`)
    return []
  }
  return [place]
}

const examples = 'Examples: ${claims.email}, ${secret:NAME}, ${userSecret:NAME}, ${header:X-Name}.'

const foreign = /^(config|command|workspaceFolder|extensionInstallFolder):/

/** Variables that are always there, and never the answer to a question. */
const common = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|TERM|TZ|PWD|HOST|HOSTNAME|PORT)$/

/** The variable that answers `${input:api-key}`: API_KEY. */
function variableFor(question: string): string {
  const name = question.replaceAll(/[^A-Za-z0-9]+/g, '_').toUpperCase()
  return /^[A-Z_]/.test(name) && !common.test(name) ? name : `INPUT_${name}`
}

function inputText(question: string): string {
  const variable = variableFor(question)
  return `\${input:${question}} is a question that VS Code asks, and a gateway cannot ask. Set the variable ${variable}, in the environment or in an envFile, and it is filled in.`
}

function unsetText(name: string): string {
  const hint =
    name === 'PORT'
      ? 'a free port stands in its place only in args and env of a server with transport: http'
      : `set it (that of a server may stand in its envFile), or give a default: \${${name}:-value}`
  return `the variable ${name} is not set; ${hint}.`
}

/** Position of the brace that closes a placeholder whose text begins at `from`; -1 without one. */
function closing(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('${', at)) depth += 1
    else if (text[at] === '}' && (depth -= 1) === 0) return at
  }
  return -1
}
