import { execFile } from 'node:child_process'

import type { User } from './drive/plan.ts'

/** Where the tokens of users come from. */
export type TokenSource =
  | { kind: 'file'; file: string; text: string }
  /** Words of a command, in which `{sub}` is the name of the user; it prints one token. */
  | { kind: 'command'; words: readonly string[] }
  | { kind: 'mint'; mint(name: string): Promise<string> }

const commandMs = 30_000
const mintedAtOnce = 4

/** `count` users with a token each. @throws an error that says what is missing */
export async function usersOf(count: number, source: TokenSource): Promise<User[]> {
  const names = Array.from({ length: count }, (_, at) => `u${at + 1}`)
  const tokens =
    source.kind === 'file' ? readTokens(source, count) : await mintAll(names, minterOf(source))
  const different = new Set(tokens).size
  if (different < tokens.length) {
    throw new Error(`Of ${tokens.length} tokens only ${different} differ: each user needs one.`)
  }
  return names.map((name, at) => ({
    name,
    headers: { authorization: `Bearer ${tokens[at] ?? ''}` },
  }))
}

/** When the first of their tokens ends (epoch, ms), as far as tokens say when they do. */
export function soonestEnd(users: readonly User[]): number | undefined {
  const ends = users.flatMap(({ headers }) => endOf(headers['authorization'] ?? '') ?? [])
  return ends.length === 0 ? undefined : ends.reduce((least, end) => Math.min(least, end))
}

/** Of a JWT, which is only read here and not believed. */
function endOf(bearer: string): number | undefined {
  try {
    const [, payload = ''] = bearer.split('.')
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { exp?: unknown }
    return typeof exp === 'number' ? exp * 1000 : undefined
  } catch {
    return undefined
  }
}

function readTokens({ file, text }: { file: string; text: string }, count: number): string[] {
  const tokens = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (tokens.length < count) {
    throw new Error(`${file} has ${tokens.length} tokens for ${count} users; it wants one a line.`)
  }
  return tokens.slice(0, count)
}

type Mint = (name: string) => Promise<string>

function minterOf(source: Exclude<TokenSource, { kind: 'file' }>): Mint {
  return source.kind === 'mint' ? source.mint : (name) => ask(name, source.words)
}

async function mintAll(names: readonly string[], mint: Mint): Promise<string[]> {
  const tokens: string[] = []
  for (let at = 0; at < names.length; at += mintedAtOnce) {
    const some = names.slice(at, at + mintedAtOnce)
    tokens.push(...(await Promise.all(some.map(mint))))
  }
  return tokens
}

function ask(name: string, words: readonly string[]): Promise<string> {
  const [command = '', ...args] = words.map((word) => word.replaceAll('{sub}', name))
  return new Promise((resolve, reject) => {
    execFile(command, args, { timeout: commandMs }, (error, stdout, stderr) => {
      const token = stdout.trim()
      if (error === null && /^\S+$/.test(token)) resolve(token)
      else {
        // Never what it printed, which may be a token.
        const why = stderr.trim().split('\n')[0] || error?.message || 'it printed no token'
        reject(new Error(`No token for user ${name}: ${why} (${command} …)`))
      }
    })
  })
}
