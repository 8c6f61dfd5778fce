import type { Tree } from './check.ts'
import type { Path, Problems } from './problems.ts'

/** Whether Berth starts the server (`command`) or finds it running (`url`). */
export type Kind = 'local' | 'remote'

/**
 * Tells what an entry is.
 *
 * @param own its keys, with `type` and `transport` in our words (`transportWord`)
 * @param raw the entry as it stands, for hints
 */
export function kindOf(
  own: Tree,
  raw: Tree,
  defaults: Tree,
  where: Path,
  problems: Problems,
): Kind | undefined {
  const has = ({ command, url }: Tree): boolean => command !== undefined || url !== undefined
  const { command, url } = has(own) ? own : defaults
  if (command !== undefined && url !== undefined) {
    problems.add(where, 'has both command and url; take one out.')
  } else if (command !== undefined) {
    checkLocalWords(own, where, problems)
    return 'local'
  } else if (url !== undefined) {
    checkRemoteWords(own, where, problems)
    return 'remote'
  } else {
    problems.add(
      where,
      `has neither command nor url.${otherName(raw)} Example: { command: uvx, args: [mcp-server-fetch] }`,
    )
  }
  return undefined
}

/** The word of ours for what other clients call a transport. */
export function transportWord(word: unknown): unknown {
  if (typeof word !== 'string') return word
  const plain = word.toLowerCase().replaceAll(/[^a-z]/g, '')
  if (plain === 'streamablehttp') return 'http'
  if (plain === 'local') return 'stdio'
  return plain === 'sse' ? 'sse' : word
}

function checkLocalWords({ type, transport }: Tree, where: Path, problems: Problems): void {
  const at = [...where, 'type']
  if (type === 'http') {
    problems.add(
      at,
      'http goes with a url. For a command that serves HTTP on the port in PORT write transport: http.',
    )
  } else if (type === 'stdio' && transport === 'http') {
    problems.add(at, 'stdio contradicts transport: http; take one out.')
  } else checkType(type, at, problems)
}

function checkRemoteWords({ type, transport }: Tree, where: Path, problems: Problems): void {
  if (type === 'stdio' || transport === 'stdio') {
    problems.add(where, 'stdio goes with a command, not with a url; take one out.')
  } else checkType(type, [...where, 'type'], problems)
}

function checkType(type: unknown, at: Path, problems: Problems): void {
  if (typeof type !== 'string' || type === 'stdio' || type === 'http') return
  problems.add(at, 'expected stdio or http (for a url); there is no other transport here.')
}

/** The name that another client has for one of the two, as a hint. */
function otherName(raw: Tree): string {
  for (const key of Object.keys(raw)) {
    if (/url$/i.test(key)) return ` It has ${key}; write url.`
    if (/^(cmd|exec|program|comm?and?)$/i.test(key)) return ` It has ${key}; write command.`
  }
  return ''
}

const remoteKeys = ['url', 'headers']
const httpKeys = ['port', 'path', 'relay']
/** About names of MCP. */
const namingKeys = ['access', 'disabledTools']
const sharedKeys = [
  ...['envFile', 'lifecycleConfiguration', 'startTimeoutMs', 'graceMs', 'default', 'disabled'],
  'onExpired',
  ...['type', 'transport', 'isolation', 'agentRuntimeArn', 'requestHeaderConfiguration'],
  ...['protocol', 'mode', 'credentialHeaders', 'warm', ...namingKeys],
]

/** Whether a key of ours says anything about a server of that kind. */
export function fits(key: string, kind: Kind): boolean {
  return sharedKeys.includes(key) || remoteKeys.includes(key) === (kind === 'remote')
}

/** What of `defaults` a server of that kind takes, whose own keys are `own`. */
export function defaultsFor(own: Tree, kind: Kind, defaults: Tree): Tree {
  const unfit = [
    ...(speaksHttp(own, kind, defaults) ? [] : httpKeys),
    ...(hasModes(own, kind, defaults) ? [] : ['mode']),
    ...(isPlain(own, defaults) ? namingKeys : []),
  ]
  return Object.fromEntries(
    Object.entries(defaults).filter(
      ([key, value]) =>
        fits(key, kind) && ![...unfit, 'type'].includes(key) && !isOfOther(kind, key, value),
    ),
  )
}

/** Keys that contradict the kind of server. */
export function checkFit(
  own: Tree,
  kind: Kind,
  defaults: Tree,
  where: Path,
  problems: Problems,
): void {
  const [start, right] = kind === 'local' ? ['command', 'process or sandbox'] : ['url', 'remote']
  if (isOfOther(kind, 'isolation', own.isolation)) {
    problems.add([...where, 'isolation'], `a server with a ${start} has isolation: ${right}.`)
  }
  checkProtocol(own, kind, defaults, where, problems)
  if (kind === 'remote' || speaksHttp(own, kind, defaults)) return
  for (const key of httpKeys.filter((name) => own[name] !== undefined)) {
    problems.add(
      [...where, key],
      'is for a server that speaks HTTP; add transport: http, or take it out.',
    )
  }
}

function checkProtocol(
  own: Tree,
  kind: Kind,
  defaults: Tree,
  where: Path,
  problems: Problems,
): void {
  if (isPlain(own, defaults)) {
    if (own.transport === 'stdio' || own.type === 'stdio') {
      problems.add(where, 'protocol: http is served over HTTP, not over stdio; take one out.')
    }
    for (const key of namingKeys.filter((name) => own[name] !== undefined)) {
      problems.add([...where, key], 'is for a server that speaks MCP; take it out.')
    }
    if (own.mode !== undefined) {
      problems.add([...where, 'mode'], 'is for a server that speaks MCP; take it out.')
    }
  } else if (own.mode === 'stateless' && !hasModes(own, kind, defaults)) {
    problems.add(
      [...where, 'mode'],
      'stateless is for a server that speaks HTTP; add transport: http, or take it out.',
    )
  }
}

/** Whether it is an agent that speaks no MCP. */
export function isPlain(own: Tree, defaults: Tree): boolean {
  return (own.protocol ?? defaults.protocol) === 'http'
}

function hasModes(own: Tree, kind: Kind, defaults: Tree): boolean {
  return !isPlain(own, defaults) && (kind === 'remote' || speaksHttp(own, kind, defaults))
}

/** An isolation that no server of this kind can have. */
function isOfOther(kind: Kind, key: string, value: unknown): boolean {
  if (key !== 'isolation' || value === undefined) return false
  return (kind === 'remote') !== (value === 'remote')
}

function speaksHttp(own: Tree, kind: Kind, defaults: Tree): boolean {
  if (kind !== 'local') return false
  return isPlain(own, defaults) || (own.transport ?? defaults.transport) === 'http'
}
