import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { defaultStateDir, expandHome } from '../config/folders.ts'
import type { GatewayIdentity } from '../ground/identity-files.ts'
import { readIdentities } from '../ground/identity-files.ts'
import { startTimeOf } from '../ground/process-tree.ts'
import type { CommandOptions, Values } from './command.ts'
import { UsageError } from './command.ts'
import { configOf, configOptions } from './config-options.ts'

/** The options of every command that speaks to a running gateway. */
export const adminOptions = {
  ...configOptions,
  gateway: { type: 'string', value: 'URL', description: 'which gateway, if several run' },
  json: { type: 'boolean', description: 'print JSON' },
} as const satisfies CommandOptions

type Environment = Readonly<Record<string, string | undefined>>

/** A gateway that runs on this machine, with what it takes to command it. */
export interface RunningGateway {
  url: string
  adminUrl: string
  token: string
  /** @throws an error whose message is the gateway's own */
  fetch(method: string, path: string): Promise<unknown>
  /** The response as it comes, for logs. */
  stream(path: string, signal: AbortSignal): Promise<IncomingMessage>
}

/** @throws UsageError when none runs, or several do and none was named */
export async function findGateway(
  env: Environment,
  values: Values<typeof adminOptions>,
): Promise<RunningGateway> {
  const stateDir = await stateDirOf(env, values)
  const running = readIdentities(join(stateDir, 'gateways')).filter(isRunning)
  const named = values.gateway === undefined ? undefined : addressOf(values.gateway)
  const found = running.filter(
    ({ url, adminUrl }) => named === undefined || url === named || adminUrl === named,
  )
  const [gateway] = found
  if (gateway === undefined) {
    const which = named === undefined ? 'No gateway runs' : `No gateway ${named} runs`
    const advice =
      running.length === 0
        ? 'Start one with mcp-berth serve, or name its --state-dir.'
        : `These do: ${urlsOf(running)}.`
    throw new UsageError(`${which} with the state directory ${stateDir}. ${advice}`)
  }
  // All of one host that share a store know the same sessions: any of them will do.
  if (new Set(found.map(storeOf)).size > 1) {
    throw new UsageError(`Several gateways run: ${urlsOf(found)}. Say which with --gateway URL.`)
  }
  return { ...gateway, ...clientOf(gateway) }
}

/** The state directory, which is found without a configuration. */
export async function stateDirOf(
  env: Environment,
  values: Values<typeof configOptions>,
): Promise<string> {
  const given = values['state-dir'] ?? env.BERTH_STATE_DIR
  if (given !== undefined) return expandHome(given, homedir())
  if (values.config !== undefined) return (await configOf({ env }, values)).stateDir
  return defaultStateDir(env.XDG_STATE_HOME, homedir())
}

const urlsOf = (gateways: readonly GatewayIdentity[]): string =>
  gateways.map(({ url }) => url).join(', ')

/** Who shares no store is alone. */
const storeOf = ({ sharedStore, pid }: GatewayIdentity): string | number => sharedStore ?? pid

/** `127.0.0.1:8080` is as good as the whole URL. */
function addressOf(given: string): string {
  const address = given.replace(/\/+$/, '')
  return /^https?:\/\//.test(address) ? address : `http://${address}`
}

/** One that was killed could not remove its file, and its pid may be another's by now. */
function isRunning({ pid, startTime }: GatewayIdentity): boolean {
  return startTimeOf(pid) === startTime
}

function clientOf({ adminUrl, token }: GatewayIdentity): Pick<RunningGateway, 'fetch' | 'stream'> {
  const send = (method: string, path: string, signal?: AbortSignal): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, adminUrl),
        {
          method,
          headers: { authorization: `Bearer ${token}` },
          ...(signal === undefined ? {} : { signal }),
        },
        resolve,
      )
      sent.once('error', (cause) => {
        reject(new Error(`The gateway at ${adminUrl} does not answer (${cause.message}).`))
      })
      sent.end()
    })
  const textOf = async (response: IncomingMessage): Promise<string> => {
    let text = ''
    response.setEncoding('utf8')
    for await (const chunk of response) text += String(chunk)
    return text
  }
  const refuse = async (response: IncomingMessage): Promise<never> => {
    const { error } = JSON.parse(await textOf(response)) as { error?: { message?: string } }
    throw new Error(error?.message ?? `The gateway answered ${response.statusCode ?? ''}.`)
  }
  return {
    async fetch(method, path) {
      const response = await send(method, path)
      if (response.statusCode !== 200) return refuse(response)
      return JSON.parse(await textOf(response)) as unknown
    },
    async stream(path, signal) {
      const response = await send('GET', path, signal)
      return response.statusCode === 200 ? response : refuse(response)
    },
  }
}
