import { GatewayError } from '../ground/errors.ts'
import type { Claims } from './claims.ts'
import type { JwtSetting } from './options.ts'

type Rules = Pick<
  JwtSetting,
  'allowedAudience' | 'allowedClients' | 'allowedScopes' | 'customClaims'
>
type CustomClaim = NonNullable<JwtSetting['customClaims']>[number]

/**
 * AgentCore's rules for the claims of a token that is genuine: any value of a list will do, and
 * every list that there is has to be satisfied. `client_id` is looked at for clients, and nothing
 * else (`azp` is not).
 *
 * @throws ERR_AUTH_CLAIM_MISMATCH, ERR_AUTH_SCOPE
 */
export function checkClaims(claims: Claims, rules: Rules): void {
  const { allowedAudience, allowedClients, allowedScopes, customClaims = [] } = rules
  const { client_id: client } = claims
  if (allowedClients && !(typeof client === 'string' && allowedClients.includes(client))) {
    throw mismatch('client_id')
  }
  if (allowedAudience && !textsOf(claims.aud).some((aud) => allowedAudience.includes(aud))) {
    throw mismatch('aud')
  }
  for (const custom of customClaims) {
    if (!fits(claims, custom)) throw mismatch(custom.inboundTokenClaimName)
  }
  // Last, because a client is told here that a better token of the same user would do.
  if (allowedScopes && !scopesOf(claims).some((scope) => allowedScopes.includes(scope))) {
    throw new GatewayError('ERR_AUTH_SCOPE', {
      challenge: { error: 'insufficient_scope', description: 'A scope is missing.' },
    })
  }
}

function fits(claims: Claims, custom: CustomClaim): boolean {
  const { inboundTokenClaimName: name, authorizingClaimMatchValue } = custom
  const { claimMatchOperator, claimMatchValue } = authorizingClaimMatchValue
  const { matchValueString = '', matchValueStringList = [] } = claimMatchValue
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  switch (claimMatchOperator) {
    case 'EQUALS':
      return value === matchValueString
    case 'CONTAINS':
      return Array.isArray(value) && value.includes(matchValueString)
    case 'CONTAINS_ANY':
      return (
        Array.isArray(value) && textsOf(value).some((one) => matchValueStringList.includes(one))
      )
  }
}

/** `scope` is a text with spaces (RFC 8693); some providers send `scp`, a text or a list. */
function scopesOf({ scope, scp }: Claims): string[] {
  return [scope, scp].flatMap((value) =>
    typeof value === 'string' ? value.split(' ').filter(Boolean) : textsOf(value),
  )
}

function mismatch(claim: string): GatewayError {
  return new GatewayError('ERR_AUTH_CLAIM_MISMATCH', {
    params: { claim },
    challenge: { error: 'invalid_token', description: 'A claim does not fit.' },
  })
}

const textsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string')
