import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import type { Authorizer } from './check.ts'
import { anonymous } from './check.ts'
import type { Credentials } from './credentials.ts'
import { createCredentials } from './credentials.ts'
import { discover } from './discovery.ts'
import { readLocalIssuer, requireLocalIssuer } from './local-issuer.ts'
import type { AuthorizationConfig, AuthorizerSetting, SecretsConfig } from './options.ts'
import type { Provider, Published } from './provider.ts'

/** The authorizer of each server. */
export interface Authorizers {
  /** Of a server by name; without one, of paths at which there is nothing. */
  of(server: string | undefined): Authorizer
}

export interface AuthSetup {
  clock: Clock
  events: Events
  stateDir: string
  authorization: AuthorizationConfig
  secrets: SecretsConfig
}

/**
 * Who is asking, and what a worker gets of them.
 *
 * @throws ERR_AUTH_LOCAL_ISSUER when one is configured that is not there
 */
export async function setUpAuth(
  options: AuthSetup,
): Promise<{ authorizers: Authorizers; credentials: Credentials }> {
  const { clock, events, secrets } = options
  const credentials = createCredentials({
    clock,
    secrets,
    warn: (server, message) => events.emit('operator.warned', { server, message }),
  })
  return { authorizers: await createAuthorizers(options), credentials }
}

/** Servers with the same authorizer share what it remembers, and all of one provider its keys. */
async function createAuthorizers(options: AuthSetup): Promise<Authorizers> {
  const { authorization: config, clock, events, stateDir } = options
  const settings = [config.global, ...Object.values(config.servers)]
  if (settings.every((setting) => setting === 'none')) return { of: () => anonymous }
  // Only now, because it takes a while to load and most gateways on a desk do without.
  const { createJwtAuthorizer } = await import('./jwt.ts')
  const { createProvider } = await import('./provider.ts')
  const made = new Map<string, Authorizer>()
  const providers = new Map<string, Provider>()
  const servers = new Map(
    Object.entries(config.servers).map(([name, setting]) => [name, authorizerOf(setting)]),
  )
  const global = authorizerOf(config.global)
  return { of: (server) => (server === undefined ? global : (servers.get(server) ?? global)) }

  function authorizerOf(setting: AuthorizerSetting): Authorizer {
    const key = JSON.stringify(setting)
    const known = made.get(key)
    if (known !== undefined) return known
    const authorizer = setting === 'none' ? anonymous : jwtAuthorizer(setting)
    made.set(key, authorizer)
    return authorizer
  }

  function jwtAuthorizer(setting: Exclude<AuthorizerSetting, 'none'>): Authorizer {
    const isLocal = setting === 'local'
    const { discoveryUrl, ...rules } = isLocal
      ? { discoveryUrl: requireLocalIssuer(stateDir).discoveryUrl }
      : setting.customJWTAuthorizer
    return createJwtAuthorizer({
      clock,
      provider: providerOf(discoveryUrl),
      rules,
      clockSkewMs: config.clockSkewMs,
      onExamined: () => events.emit('token.examined', { provider: discoveryUrl }),
    })
  }

  function providerOf(discoveryUrl: string): Provider {
    const known = providers.get(discoveryUrl)
    if (known !== undefined) return known
    const load = (): Promise<Published> => publishedAt(discoveryUrl, stateDir)
    const warn = (message: string): void => events.emit('operator.warned', { message })
    const provider = createProvider({ clock, name: discoveryUrl, load, warn })
    providers.set(discoveryUrl, provider)
    return provider
  }
}

/** The local issuer is read from its file: nobody has to listen yet for its tokens to be good. */
async function publishedAt(discoveryUrl: string, stateDir: string): Promise<Published> {
  const local = readLocalIssuer(stateDir)
  return local?.discoveryUrl === discoveryUrl ? local.published : discover(discoveryUrl)
}
