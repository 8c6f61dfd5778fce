import path from 'node:path'

import type { Static } from 'typebox'

import { readKeys } from '../auth/key-file.ts'
import type { AuthorizerSetting, JwtSetting } from '../auth/options.ts'
import { isLoopback } from '../ground/loopback.ts'
import type { listenOptions } from '../proxy/options.ts'
import type { Server } from '../sessions/server.ts'
import { isMap } from './check.ts'
import { expandHome } from './folders.ts'
import { listed, type Path, type Problems } from './problems.ts'

/** At least one of these, so that not every token of a provider opens every door. */
const narrowing = ['allowedAudience', 'allowedClients', 'allowedScopes', 'customClaims'] as const

/** Names what the schema does not say of an `authorizerConfiguration` whose shape is right. */
export function checkAuthorizer(value: unknown, where: Path, problems: Problems): void {
  if (!isMap(value)) return
  const { customJWTAuthorizer: jwt, apiKeys } = value
  const at = [...where, 'customJWTAuthorizer']
  if (jwt === undefined && apiKeys === undefined) {
    problems.add(
      at,
      `is missing, and so is apiKeys. Examples: customJWTAuthorizer: ${example}, or apiKeys: berth-keys.json`,
    )
  }
  if (!isMap(jwt)) return
  if (jwt.discoveryUrl === undefined) {
    problems.add([...at, 'discoveryUrl'], `is missing. Example: discoveryUrl: ${exampleUrl}`)
  }
  for (const key of narrowing) {
    const list = jwt[key]
    if (Array.isArray(list) && list.length === 0) {
      problems.add([...at, key], 'is empty, and so lets nobody in. Name something, or take it out.')
    }
  }
  if (narrowing.every((key) => jwt[key] === undefined)) {
    problems.add(
      at,
      `lets in every token of that provider, made for whatever application. Write at least one of ${listed(narrowing, 'or')}.`,
    )
  }
  const claims: unknown[] = Array.isArray(jwt.customClaims) ? jwt.customClaims : []
  for (const [index, claim] of claims.entries()) {
    const wrong = isMap(claim) ? claimProblem(claim) : undefined
    if (wrong !== undefined) problems.add([...at, 'customClaims', index], wrong)
  }
}

const exampleUrl = 'https://idp.example.com/.well-known/openid-configuration'
const example = `{ discoveryUrl: "${exampleUrl}", allowedClients: [my-client] }`

/** AgentCore: STRING takes EQUALS, STRING_ARRAY takes CONTAINS with one value, CONTAINS_ANY with a list. */
function claimProblem(claim: Record<string, unknown>): string | undefined {
  const { inboundTokenClaimName: name, inboundTokenClaimValueType: type } = claim
  const match = claim.authorizingClaimMatchValue
  if (name === undefined || type === undefined || !isMap(match)) {
    return 'needs inboundTokenClaimName, inboundTokenClaimValueType and authorizingClaimMatchValue.'
  }
  const { claimMatchOperator: operator, claimMatchValue: value } = match
  if (typeof operator !== 'string' || !isMap(value)) {
    return 'needs claimMatchOperator and claimMatchValue in authorizingClaimMatchValue.'
  }
  const isOfText = operator === 'EQUALS'
  if (isOfText !== (type === 'STRING')) {
    return 'STRING takes the operator EQUALS, and STRING_ARRAY takes CONTAINS or CONTAINS_ANY.'
  }
  const wanted = operator === 'CONTAINS_ANY' ? 'matchValueStringList' : 'matchValueString'
  if (Object.keys(value).join() === wanted) return undefined
  return `the operator ${operator} takes ${wanted} in claimMatchValue, and nothing else.`
}

/** Where tokens or logins would go astray. */
export function warnOfTokens(
  { host, publicUrl }: Static<typeof listenOptions>,
  settings: readonly AuthorizerSetting[],
  warnings: string[],
): void {
  const isProtected = settings.some((setting) => setting !== 'none')
  if (isProtected && !isLoopback(host) && publicUrl === undefined) {
    warnings.push(
      'Clients are told to log in at the address that they called, over http. Behind a proxy set listen.publicUrl.',
    )
  }
  const plain = settings.flatMap((setting) =>
    typeof setting === 'string' || setting.customJWTAuthorizer === undefined
      ? []
      : insecure(setting.customJWTAuthorizer),
  )
  for (const url of new Set(plain)) {
    warnings.push(
      `The keys of ${url} come over plain http: whoever can change them on the way can be anybody.`,
    )
  }
}

function insecure({ discoveryUrl }: JwtSetting): string[] {
  if (!URL.canParse(discoveryUrl)) return []
  const { protocol, hostname } = new URL(discoveryUrl)
  return protocol === 'https:' || isLoopback(hostname) ? [] : [discoveryUrl]
}

/** The same with its file of keys where it is, which goes into `files`: no worker is to read it. */
export function withKeyFile(
  setting: AuthorizerSetting,
  { base, homeDir, files }: { base: string; homeDir: string; files: Set<string> },
): AuthorizerSetting {
  if (typeof setting === 'string' || setting.apiKeys === undefined) return setting
  const apiKeys = path.resolve(base, expandHome(setting.apiKeys, homeDir))
  files.add(apiKeys)
  return { ...setting, apiKeys }
}

/** What is to be said of files of keys that let nobody in. */
export function warnOfKeys(
  files: ReadonlySet<string>,
  servers: readonly Pick<Server, 'name' | 'launch' | 'driver'>[],
  warnings: string[],
): void {
  const open = servers.filter(
    ({ launch, driver }) => launch.kind === 'local' && driver !== 'sandbox',
  )
  if (files.size > 0 && open.length > 0) {
    const names = listed(open.map(({ name }) => name))
    warnings.push(
      `Workers of ${names} run as the user of the gateway, and so could add API keys of their own to ${listed([...files])}. With isolation: sandbox they cannot.`,
    )
  }
  for (const file of files) {
    const keys = readKeys(file)
    if ('problem' in keys) {
      warnings.push(`Whoever brings an API key gets 503, because ${file} ${keys.problem}`)
    } else if (keys.length === 0) {
      warnings.push(`There is no API key yet in ${file}: mcp-berth keys add NAME makes one.`)
    }
  }
}
