import path from 'node:path'

import type { StoredKey } from '../../auth/key-file.ts'
import { plainLine, writeJson } from '../../ground/terminal.ts'
import { stateDirOf } from '../admin-client.ts'
import type { Context } from '../command.ts'
import { defineCommand, UsageError } from '../command.ts'
import { configOf, configOptions } from '../config-options.ts'
import { tableLines, writeLines } from '../output.ts'
import { ago } from '../session-lines.ts'
import { claimValues, noMore, secondsValue } from '../values.ts'

const options = {
  ...configOptions,
  file: {
    type: 'string',
    value: 'FILE',
    description: 'the file of keys (default: apiKeys of the configuration)',
  },
  claim: {
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE',
    description:
      'add: what the key says of its bearer, as a token would; one that begins with [ or { is JSON; repeatable',
  },
  'expires-in': {
    type: 'string',
    value: 'SECONDS',
    description: 'add: how long it is valid (default: until it is revoked)',
  },
  json: { type: 'boolean', description: 'list: as JSON' },
} as const

type Run = Context<typeof options>

export const keys = defineCommand({
  name: 'keys',
  summary: 'Make, list and revoke API keys, for teams without an identity provider',
  usage: 'add NAME | list | revoke ID|NAME [options]',
  options,
  details: [
    'add     prints a new key, once: the file has no more of it than a hash',
    'list    names all keys',
    'revoke  takes a key away by its id, or all of a name; a gateway that runs refuses it from then on',
    '',
    'A gateway lets in who brings one, as Authorization: Bearer or X-API-Key, where its configuration says',
    'authorizerConfiguration: { apiKeys: FILE }. NAME is sub among the claims.',
    '',
    'examples:',
    '  mcp-berth keys add alice --claim groups=\'["oncall"]\' --expires-in 2592000',
    '  mcp-berth keys revoke alice',
  ],
  async run(context) {
    const [verb, who] = context.positionals
    noMore(context.positionals, verb === 'list' ? 1 : 2)
    if (verb !== 'add' && verb !== 'list' && verb !== 'revoke') {
      throw new UsageError('keys can add, list and revoke.')
    }
    if (verb === 'list') return list(context)
    if (who === undefined || who.trim() === '') {
      throw new UsageError(`Whose? mcp-berth keys ${verb} ${verb === 'add' ? 'NAME' : 'ID|NAME'}`)
    }
    if (verb === 'add' && !isName(who)) {
      throw new UsageError(
        'A name has at most 100 signs, none of which is invisible, and is not twelve hex digits as an id is.',
      )
    }
    return verb === 'add' ? add(who, context) : revoke(who, context)
  },
})

/** It is shown in lists, and is what a key is revoked by. */
const isName = (name: string): boolean =>
  name.length <= 100 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name) && !/^[0-9a-f]{12}$/.test(name)

/** Only when it is needed, as everything that a command loads. */
const keyFile = () => import('../../auth/key-file.ts')

interface Place {
  file: string
  /** Whether a gateway of this configuration reads it. */
  isConfigured: boolean
}

async function placeOf({ env, values }: Run): Promise<Place> {
  const configured = await configuredFiles({ env, values })
  if (values.file !== undefined) {
    const file = path.resolve(values.file)
    return { file, isConfigured: configured.includes(file) }
  }
  const [only, ...more] = configured
  if (more.length > 0) {
    throw new UsageError(`Which file? --file takes one of: ${configured.join(', ')}`)
  }
  if (only !== undefined) return { file: only, isConfigured: true }
  return { file: path.join(await stateDirOf(env, values), 'api-keys.json'), isConfigured: false }
}

/** Without a configuration there is none; what is wrong with one is said where it was named. */
async function configuredFiles({ env, values }: Pick<Run, 'env' | 'values'>): Promise<string[]> {
  try {
    const { authorization } = await configOf({ env }, values)
    const settings = [authorization.global, ...Object.values(authorization.servers)]
    const files = settings.flatMap((one) => (typeof one === 'string' ? [] : (one.apiKeys ?? [])))
    return [...new Set(files)]
  } catch (thrown) {
    if (values.config !== undefined) throw thrown
    return []
  }
}

async function add(name: string, context: Run): Promise<number> {
  const { values, stdout, stderr, asCalled } = context
  const given = values['expires-in']
  if (given !== undefined && Number(given) < 1) {
    throw new UsageError(`--expires-in takes 1 second at least, not ${given}.`)
  }
  const expiresAt =
    given === undefined ? undefined : new Date(Date.now() + secondsValue('expires-in', given, 0))
  const claims = claimValues('claim', values.claim)
  const { file, isConfigured } = await placeOf(context)
  const { addKey } = await keyFile()
  writeLines(stdout, [addKey(file, { name, claims, expiresAt })])
  writeLines(stderr, [
    `That is the key of ${name}. It is shown this once; ${file} has a hash of it.`,
    ...(isConfigured
      ? []
      : [
          'For the configuration:',
          `  authorizerConfiguration: { apiKeys: ${JSON.stringify(file)} }`,
        ]),
    asCalled('The entry for a client: mcp-berth client-config claude-code|vscode|cursor|inspector'),
  ])
  return 0
}

async function list(context: Run): Promise<number> {
  const { values, stdout, stderr, asCalled } = context
  const { file } = await placeOf(context)
  const { readKeys, keysError } = await keyFile()
  const found = readKeys(file)
  if ('problem' in found) throw keysError(`${file} ${found.problem}`)
  if (values.json) {
    writeJson(
      stdout,
      found.map(({ hash: _, ...key }) => key),
    )
  } else if (found.length > 0) writeLines(stdout, tableLines([head, ...found.map(rowOf)]))
  else
    writeLines(stderr, [asCalled(`There is no key in ${file}. mcp-berth keys add NAME makes one.`)])
  return 0
}

const head = ['ID', 'NAME', 'AGE', 'EXPIRES', 'CLAIMS']

function rowOf({ id, name, createdAt, expiresAt, claims }: StoredKey): string[] {
  const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()
  const expires = expiresAt === undefined ? 'never' : `${expiresAt}${isOver ? ' (expired)' : ''}`
  const said = Object.keys(claims).length === 0 ? '' : JSON.stringify(claims)
  return [id, name, ago(createdAt), expires, said].map((cell) => plainLine(cell))
}

async function revoke(who: string, context: Run): Promise<number> {
  const { stderr } = context
  const { file } = await placeOf(context)
  const { revokeKeys } = await keyFile()
  const gone = revokeKeys(file, who)
  if (gone.length === 0) {
    writeLines(stderr, [`There is no key ${who} in ${file}.`])
    return 1
  }
  writeLines(stderr, [
    ...gone.map(({ id, name }) => `The key ${id} of ${name} is revoked.`),
    'Its sessions end by themselves: nobody can use them any more.',
  ])
  return 0
}
