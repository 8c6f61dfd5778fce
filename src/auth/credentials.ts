import type { Clock } from '../ground/clock.ts'
import type {
  Credential,
  ResolvedCredentials,
  ServerCredentials,
  Template,
} from '../ground/credentials.ts'
import { credentialsOf, isHeaderValue, placeholderOf } from '../ground/credentials.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Secrets } from '../ground/secrets-file.ts'
import { createSecretsReader } from '../ground/secrets-file.ts'
import { plainLine } from '../ground/terminal.ts'
import type { Caller } from './check.ts'
import { keyAt, textAt } from './claims.ts'
import type { SecretsConfig } from './options.ts'
import { createSecretCommand } from './secret-command.ts'

/** Fills what a server takes from who opens a session of it. What it finds stays in memory. */
export interface Credentials {
  /**
   * To be asked once for each session, before anything is started.
   *
   * @throws ERR_AUTH_CREDENTIAL naming everything that is missing
   * @throws ERR_AUTH_SECRETS when the file of secrets cannot be used now
   * @throws the reason of `signal`
   */
  resolve(asking: AskingCredentials, signal: AbortSignal): Promise<ResolvedCredentials>
}

export interface AskingCredentials {
  server: string
  credentials: ServerCredentials
  caller: Caller
  /** Those of `clientHeaders` that came, by name in lower case. */
  headers: Readonly<Record<string, string>>
}

export interface CredentialsOptions {
  clock: Clock
  secrets: SecretsConfig
  /** A sentence for the operator, without any value. */
  warn(server: string, message: string): void
}

/** The value, or why there is none, for the client: with the name, and without any value. */
type Outcome = { value: string } | { why: string }

export function createCredentials({ clock, secrets, warn }: CredentialsOptions): Credentials {
  const { file, userKey, shared } = secrets
  const readFile = file === undefined ? undefined : createSecretsReader(file)
  const askCommand =
    secrets.command === undefined ? undefined : createSecretCommand(secrets.command, clock)

  function secretsNow(): Secrets | undefined {
    const read = readFile?.()
    if (read === undefined || !('problem' in read)) return read
    throw new GatewayError('ERR_AUTH_SECRETS', {
      params: { why: `secrets.file ${read.problem}` },
      retryAfterSeconds: 5,
    })
  }

  async function secretOfUser(
    name: string,
    { server, caller }: AskingCredentials,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { identity } = caller
    if (identity === undefined) return undefined
    const key = keyAt(identity.claims, userKey)
    const own = key === undefined ? undefined : secretsNow()?.users.get(key)?.get(name)
    if (hasText(own)) return own
    const { iss, sub } = identity
    const answer = await askCommand?.({ iss, sub, key, name }, signal)
    if (answer === undefined) return undefined
    const { value, how, said } = answer
    const told = plainLine(said, 1000)
    if (how !== undefined || told !== '') {
      const what = how === undefined ? 'says' : `${how}${told === '' ? '' : ' and says'}`
      warn(server, `secrets.command, asked for ${name}, ${what}${told === '' ? '.' : `: ${told}`}`)
    }
    return value
  }

  async function find(
    place: Credential,
    asking: AskingCredentials,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { kind, name } = place
    switch (kind) {
      case 'claim': {
        const value = textAt(asking.caller.identity?.claims, name)
        return value === undefined ? { why: `your token has no claim ${name}` } : { value }
      }
      case 'header': {
        const value = asking.headers[name.toLowerCase()]
        return hasText(value)
          ? { value }
          : { why: `the header ${name} did not come with initialize` }
      }
      case 'secret': {
        const value = Object.hasOwn(shared, name) ? shared[name] : secretsNow()?.shared.get(name)
        return hasText(value) ? { value } : { why: `there is no secret ${name}` }
      }
      case 'userSecret': {
        const value = await secretOfUser(name, asking, signal)
        return hasText(value) ? { value } : { why: `there is no secret ${name} of yours` }
      }
    }
  }

  return {
    async resolve(asking, signal) {
      const { server, credentials } = asking
      const places = credentialsOf(credentials)
      const outcomes = await Promise.all(places.map((place) => find(place, asking, signal)))
      signal.throwIfAborted()
      const values = new Map<string, string>()
      const missing = new Map<string, string>()
      for (const [at, outcome] of outcomes.entries()) {
        const place = placeholderOf(places[at] as Credential)
        if ('value' in outcome) values.set(place, outcome.value)
        else missing.set(place, outcome.why)
      }
      const env = filled(credentials.env, { values, missing, fits: isVariableValue })
      const headers = filled(credentials.headers, { values, missing, fits: isHeaderValue })
      if (missing.size === 0) return { env, headers }
      throw new GatewayError('ERR_AUTH_CREDENTIAL', {
        params: { server, missing: [...missing.values()].join('; ') },
        data: { missing: [...missing.keys()] },
      })
    },
  }
}

interface Filling {
  values: ReadonlyMap<string, string>
  /** Takes in what has a value that cannot stand there. */
  missing: Map<string, string>
  fits(value: string): boolean
}

function filled(
  templates: Readonly<Record<string, Template>>,
  { values, missing, fits }: Filling,
): Record<string, string> {
  const texts = Object.entries(templates).map(([name, template]): [string, string] => {
    const parts = template.map((part) => {
      if (typeof part === 'string') return part
      const place = placeholderOf(part)
      const value = values.get(place) ?? ''
      if (!fits(value)) missing.set(place, `the value of ${place} cannot stand in ${name}`)
      return value
    })
    return [name, parts.join('')]
  })
  return Object.fromEntries(texts)
}

const isVariableValue = (text: string): boolean => !text.includes('\0')

const hasText = (value: string | undefined): value is string => value !== undefined && value !== ''
