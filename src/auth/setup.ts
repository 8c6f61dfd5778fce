import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Events } from '../ground/events.ts'
import type { Authorizer } from './check.ts'
import { anonymous } from './check.ts'
import type { Credentials } from './credentials.ts'
import { createCredentials } from './credentials.ts'
import { discover } from './discovery.ts'
import { readLocalIssuer, requireLocalIssuer } from './local-issuer.ts'
import type {
  AuthorizationConfig,
  AuthorizerSetting,
  JwtSetting,
  SecretsConfig,
} from './options.ts'
import type { Provider, Published } from './provider.ts'

/** The authorizer of each server. */
export interface Authorizers {
  /** Of a server by name; without one, of paths at which there is nothing. */
  of(server: string | undefined): Authorizer
  /** Headers that clients prove with who they are, beside Authorization. */
  readonly headers: readonly string[]
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
  if (settings.every((setting) => setting === 'none')) return { of: () => anonymous, headers: [] }
  // Only now, because it takes a while to load and most gateways on a desk do without.
  const { createJwtAuthorizer } = await import('./jwt.ts')
  const { createProvider } = await import('./provider.ts')
  const { createKeyAuthorizer, keyHeader } = await import('./api-keys.ts')
  const made = new Map<string, Authorizer>()
  const providers = new Map<string, Provider>()
  const servers = new Map(
    Object.entries(config.servers).map(([name, setting]) => [name, authorizerOf(setting)]),
  )
  const global = authorizerOf(config.global)
  const takesKeys = settings.some((one) => typeof one === 'object' && one.apiKeys !== undefined)
  return {
    of: (server) => (server === undefined ? global : (servers.get(server) ?? global)),
    headers: takesKeys ? [keyHeader] : [],
  }

  function authorizerOf(setting: AuthorizerSetting): Authorizer {
    const key = JSON.stringify(setting)
    const known = made.get(key)
    if (known !== undefined) return known
    const authorizer = make(setting)
    made.set(key, authorizer)
    return authorizer
  }

  function make(setting: AuthorizerSetting): Authorizer {
    if (setting === 'none') return anonymous
    if (setting === 'local') {
      return jwtAuthorizer({ discoveryUrl: requireLocalIssuer(stateDir).discoveryUrl })
    }
    const { customJWTAuthorizer: jwt, apiKeys: file } = setting
    const besides = jwt === undefined ? undefined : jwtAuthorizer(jwt)
    if (file !== undefined) return createKeyAuthorizer({ clock, file, besides })
    // Nobody, rather than everybody: config refuses to have neither.
    if (besides === undefined) throw new GatewayError('ERR_PROXY_INTERNAL')
    return besides
  }

  function jwtAuthorizer({ discoveryUrl, ...rules }: JwtSetting): Authorizer {
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
