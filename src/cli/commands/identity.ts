import { stateDirOf } from '../admin-client.ts'
import type { Context } from '../command.ts'
import { defineCommand, UsageError } from '../command.ts'
import { configOptions } from '../config-options.ts'
import { writeLines } from '../output.ts'
import { claimValues, noMore, portValue, secondsValue } from '../values.ts'

const options = {
  ...configOptions,
  'admin-port': {
    type: 'string',
    value: 'PORT',
    description: 'init: the admin port of the gateway, which publishes the keys (default 8081)',
  },
  sub: {
    type: 'string',
    value: 'NAME',
    description: "token: the user (default local-user; '' for a program without one)",
  },
  'client-id': {
    type: 'string',
    value: 'ID',
    description: 'token: the program that uses it (default mcp-berth)',
  },
  aud: {
    type: 'string',
    multiple: true,
    value: 'AUDIENCE',
    description: 'token: the audience it is meant for; repeatable',
  },
  scope: {
    type: 'string',
    multiple: true,
    value: 'SCOPE',
    description: 'token: a scope it has; repeatable',
  },
  claim: {
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE',
    description: 'token: another claim; a value that begins with [ or { is JSON; repeatable',
  },
  'expires-in': {
    type: 'string',
    value: 'SECONDS',
    description: 'token: how long it is valid (default 3600)',
  },
} as const

type Run = Context<typeof options>

/** Only when it is needed: signing takes longer to load than most commands take to run. */
const localIssuer = () => import('../../auth/local-issuer.ts')

export const identity = defineCommand({
  name: 'identity',
  summary: 'Make access tokens without an identity provider, to try things out',
  usage: 'init | token | cleanup [options]',
  options,
  details: [
    'init     makes a key in the state directory; the gateway reads it when it starts',
    'token    prints a bearer token that is signed with that key',
    'cleanup  removes the key',
    '',
    'A gateway accepts a token for 60 s longer than --expires-in says (clockSkewSeconds).',
    '',
    'example:',
    '  mcp-berth identity init',
    '  mcp-berth tools http://127.0.0.1:8080/mcp --header "Authorization: Bearer $(mcp-berth identity token)"',
  ],
  async run(context) {
    const [verb] = context.positionals
    noMore(context.positionals, 1)
    const stateDir = await stateDirOf(context.env, context.values)
    if (verb === 'init') return init(stateDir, context)
    if (verb === 'token') return token(stateDir, context)
    if (verb === 'cleanup') return cleanup(stateDir, context)
    throw new UsageError('identity can init, token and cleanup.')
  },
})

async function init(stateDir: string, { values, stdout, stderr, asCalled }: Run): Promise<number> {
  const port = portValue('admin-port', values['admin-port'], 1) ?? 8081
  const { initLocalIssuer, localIssuerPath } = await localIssuer()
  const url = `http://127.0.0.1:${port}${localIssuerPath}`
  const { discoveryUrl } = await initLocalIssuer(stateDir, url)
  if (!discoveryUrl.startsWith(`${url}/`) && values['admin-port'] !== undefined) {
    const hint = asCalled('mcp-berth identity cleanup')
    writeLines(stderr, [`There is one for another port already; ${hint} removes it.`])
  }
  writeLines(stderr, [`The local issuer is in ${stateDir}/identity. For the configuration:`, ''])
  writeLines(stdout, [
    'authorizerConfiguration:',
    '  customJWTAuthorizer:',
    `    discoveryUrl: ${discoveryUrl}`,
    '    allowedClients: [mcp-berth]',
  ])
  writeLines(stderr, [
    '',
    'or, for every token of it: authorizerConfiguration: local',
    asCalled('Then start mcp-berth serve again. A token: mcp-berth identity token'),
  ])
  return 0
}

async function token(stateDir: string, { values, stdout }: Run): Promise<number> {
  const { sub = 'local-user', aud, scope } = values
  const given = values['expires-in']
  if (Number(given) < 1) {
    throw new UsageError(`--expires-in takes 1 second at least, not ${given ?? ''}.`)
  }
  const expiresInMs = secondsValue('expires-in', given, 3600)
  const claims = {
    ...claimValues('claim', values.claim),
    client_id: values['client-id'] ?? 'mcp-berth',
    ...(sub === '' ? {} : { sub }),
    ...(aud.length === 0 ? {} : { aud: aud.length === 1 ? aud[0] : aud }),
    ...(scope.length === 0 ? {} : { scope: scope.join(' ') }),
  }
  const { requireLocalIssuer, signLocalToken } = await localIssuer()
  const seconds = Math.floor(expiresInMs / 1000)
  writeLines(stdout, [await signLocalToken(requireLocalIssuer(stateDir), claims, seconds)])
  return 0
}

async function cleanup(stateDir: string, { stderr }: Run): Promise<number> {
  const { removeLocalIssuer } = await localIssuer()
  const wasThere = removeLocalIssuer(stateDir)
  writeLines(stderr, [
    wasThere
      ? 'The local issuer is removed. Its tokens are worthless as soon as a gateway that knows it is started again.'
      : `There was no local issuer in ${stateDir}.`,
  ])
  return 0
}
