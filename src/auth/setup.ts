import type { Clock } from '../ground/clock.ts'
import type { Authorizer } from './check.ts'
import { anonymous } from './check.ts'
import { discover } from './discovery.ts'
import { readLocalIssuer, requireLocalIssuer } from './local-issuer.ts'
import type { AuthorizationConfig, AuthorizerSetting } from './options.ts'
import type { Provider, Published } from './provider.ts'

/** The authorizer of each server. */
export interface Authorizers {
  /** Of a server by name; without one, of paths at which there is nothing. */
  of(server: string | undefined): Authorizer
}

export interface AuthorizersOptions {
  clock: Clock
  config: AuthorizationConfig
  stateDir: string
  warn(message: string): void
  /** Called each time that a signature is looked at. */
  onExamined(provider: string): void
}

/**
 * Servers with the same authorizer share what it remembers, and all of one provider its keys.
 *
 * @throws ERR_AUTH_LOCAL_ISSUER when one is configured that is not there
 */
export async function setUpAuthorizers(options: AuthorizersOptions): Promise<Authorizers> {
  const { config, clock, stateDir } = options
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
      onExamined: () => options.onExamined(discoveryUrl),
    })
  }

  function providerOf(discoveryUrl: string): Provider {
    const known = providers.get(discoveryUrl)
    if (known !== undefined) return known
    const load = (): Promise<Published> => publishedAt(discoveryUrl, stateDir)
    const provider = createProvider({ clock, name: discoveryUrl, load, warn: options.warn })
    providers.set(discoveryUrl, provider)
    return provider
  }
}

/** The local issuer is read from its file: nobody has to listen yet for its tokens to be good. */
async function publishedAt(discoveryUrl: string, stateDir: string): Promise<Published> {
  const local = readLocalIssuer(stateDir)
  return local?.discoveryUrl === discoveryUrl ? local.published : discover(discoveryUrl)
}
