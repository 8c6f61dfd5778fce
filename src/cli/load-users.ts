import type { User } from '../load/drive/plan.ts'
import { isLoopback } from '../load/target.ts'
import type { TokenSource } from '../load/users.ts'
import { soonestEnd, usersOf } from '../load/users.ts'
import { stateDirOf } from './admin-client.ts'
import type { Context } from './command.ts'
import { UsageError } from './command.ts'
import type { loadOptions } from './load-options.ts'
import { readGiven } from './load-files.ts'
import { commandWords, wholeValue } from './load-values.ts'
import { headerValues } from './values.ts'

type LoadContext = Pick<Context<typeof loadOptions>, 'values' | 'env'>

const usersAtMost = 10_000
/** Sessions take their time to be opened, and to end. */
const spareMs = 3_600_000

/** How many are wanted of a Berth of the test's own, which makes their tokens itself. */
export function ownUserCount({ values }: LoadContext): number | undefined {
  if (values.tokens !== undefined || values['token-command'] !== undefined) {
    throw new UsageError('--tokens and --token-command are for a gateway at a URL.')
  }
  return wholeValue('users', values.users, [1, usersAtMost])
}

/**
 * Whose sessions are opened at a URL.
 *
 * @param say is told if their tokens end before the test does
 */
export async function usersAt(
  url: URL,
  context: LoadContext,
  options: { durationMs: number; isByCalls: boolean; say(line: string): void },
): Promise<User[]> {
  const { values } = context
  const shared = headerValues(values.header)
  const count = wholeValue('users', values.users, [1, usersAtMost])
  if (count === undefined) {
    if (values.tokens !== undefined || values['token-command'] !== undefined) {
      throw new UsageError('Say with --users N how many users there are tokens for.')
    }
    return [{ name: 'anybody', headers: shared }]
  }
  const users = await usersOf(count, await sourceFor(url, context, options.durationMs))
  const endsMs = soonestEnd(users)
  const isKnown = endsMs !== undefined && !options.isByCalls
  if (isKnown && endsMs < Date.now() + options.durationMs) {
    const seconds = Math.max(0, Math.round((endsMs - Date.now()) / 1000))
    options.say(`A token is good for ${seconds} s only, which is less than the test takes.`)
  }
  return users.map(({ name, headers }) => ({ name, headers: { ...shared, ...headers } }))
}

async function sourceFor(
  url: URL,
  { values, env }: LoadContext,
  durationMs: number,
): Promise<TokenSource> {
  const { tokens: file, 'token-command': command } = values
  if (file !== undefined && command !== undefined) {
    throw new UsageError('Give either --tokens or --token-command.')
  }
  if (file !== undefined) return { kind: 'file', file, text: readGiven('tokens', file) }
  if (command !== undefined) return { kind: 'command', words: commandWords(command) }
  if (!isLoopback(url)) {
    throw new UsageError(
      '--users needs --tokens or --token-command there: tokens of the local issuer stay on this machine.',
    )
  }
  const options = { config: undefined, 'state-dir': values['state-dir'] }
  return localTokens(await stateDirOf(env, options), durationMs)
}

/**
 * Tokens of the local issuer, as `identity token --sub NAME` prints them, that outlive the test.
 *
 * @throws ERR_AUTH_LOCAL_ISSUER when there is none in this state directory
 */
export async function localTokens(stateDir: string, durationMs: number): Promise<TokenSource> {
  // Only now, as in `identity`.
  const { requireLocalIssuer, signLocalToken } = await import('../auth/local-issuer.ts')
  const issuer = requireLocalIssuer(stateDir)
  const seconds = Math.ceil((durationMs + spareMs) / 1000)
  return {
    kind: 'mint',
    mint: (sub) => signLocalToken(issuer, { sub, client_id: 'mcp-berth' }, seconds),
  }
}

/** The users of a new gateway whose state directory this is; it has to be told to use the issuer. */
export async function newLocalUsers(
  stateDir: string,
  count: number,
  durationMs: number,
): Promise<User[]> {
  const { initLocalIssuer } = await import('../auth/local-issuer.ts')
  // Nobody reads its keys there: the gateway has them from the same directory.
  await initLocalIssuer(stateDir, 'http://127.0.0.1/identity')
  return usersOf(count, await localTokens(stateDir, durationMs))
}
