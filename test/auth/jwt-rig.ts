import type { Asking, Caller } from '../../src/auth/check.ts'
import { discover } from '../../src/auth/discovery.ts'
import { createJwtAuthorizer } from '../../src/auth/jwt.ts'
import type { JwtSetting } from '../../src/auth/options.ts'
import { createProvider } from '../../src/auth/provider.ts'
import { GatewayError } from '../../src/ground/errors.ts'
import type { FakeClock } from '../support/fake-clock.ts'
import { fakeClock } from '../support/fake-clock.ts'

export interface JwtRig {
  clock: FakeClock
  warnings: string[]
  /** How many signatures were looked at. */
  examined: () => number
  /** As the data path asks: what comes at once, or a promise. */
  ask(token: string): Promise<Caller> | Caller
  /** The principal, or the code of the refusal with what it says to the client. */
  outcome(token: string): Promise<string>
  refusal(token: string): Promise<GatewayError>
}

/** A JWT authorizer alone, in front of a provider that it reaches over HTTP. */
export function jwtRig(
  discoveryUrl: string,
  rules: Omit<JwtSetting, 'discoveryUrl'> = {},
  clockSkewMs = 60_000,
): JwtRig {
  const clock = fakeClock(Date.now())
  const warnings: string[] = []
  let examined = 0
  const provider = createProvider({
    clock,
    name: discoveryUrl,
    load: () => discover(discoveryUrl),
    warn: (message) => warnings.push(message),
  })
  const authorizer = createJwtAuthorizer({
    clock,
    provider,
    rules,
    clockSkewMs,
    onExamined: () => (examined += 1),
  })
  const ask = (token: string) => authorizer.authenticate(askingWith(`Bearer ${token}`))
  return {
    clock,
    warnings,
    examined: () => examined,
    ask,
    async outcome(token) {
      try {
        return (await ask(token)).principal
      } catch (thrown) {
        return codeOf(thrown)
      }
    },
    async refusal(token) {
      try {
        await ask(token)
      } catch (thrown) {
        if (thrown instanceof GatewayError) return thrown
      }
      throw new Error('it was let in, or failed otherwise')
    },
  }
}

export function askingWith(authorization: string): Asking {
  return { headers: { authorization }, rawHeaders: ['Authorization', authorization] }
}

export function codeOf(thrown: unknown): string {
  if (thrown instanceof GatewayError) return thrown.code
  throw thrown
}
