import { join } from 'node:path'

import { GatewayError, messageOf } from '../ground/errors.ts'
import { listensElsewhere, stdioHint } from './advice.ts'
import type { LocalSpec, Outlives } from './driver.ts'
import { createKeeperClient } from './keeper-client.ts'
import type { KeeperFailure, KeeperSpec, KeeperStarted, Outliving } from '../keeper/protocol.ts'
import { missingVariableHint } from './missing-variable.ts'
import { isRelayed } from './process-handle.ts'

/** A gateway that is there ends a worker when its time is over, and gets as long for that. */
const gatewayFirstMs = 10_000

export const exitFileOf = (directory: string): string => join(directory, 'exit.json')

/**
 * Has a keeper start its server; resolves when the server can be reached. Whatever it throws, the
 * keeper is still there.
 *
 * @throws ERR_WORKERS_KEEPER, the reason of `signal`, and what the keeper says
 */
export async function startServer(options: {
  local: LocalSpec
  spec: KeeperSpec
  keeper: { socketPath: string; nonce: string }
  signal: AbortSignal
}): Promise<KeeperStarted> {
  const { local, spec, keeper, signal } = options
  const client = createKeeperClient(keeper.socketPath, keeper.nonce)
  const answer = await client
    .call('POST', '/keeper/start', spec, signal)
    .catch((cause: unknown) => {
      signal.throwIfAborted()
      throw keeperFailed(cause)
    })
  if (answer.statusCode === 200) return answer.body as KeeperStarted
  if (answer.statusCode !== 502) throw keeperFailed(`it answered ${answer.statusCode}`)
  throw failed(answer.body as KeeperFailure, local, spec.port)
}

/** What a keeper says, with what helps. */
function failed(failure: KeeperFailure, local: LocalSpec, port: number | null): GatewayError {
  const { code, params, listens, exitCode, signal, lastLines } = failure
  const { launch, server, env, credentials } = local
  const command = launch.shown
  if (listens !== undefined) return listensElsewhere(launch, listens, { port, lastLines })
  const { origin } = launch
  const given = Object.keys({ ...env, ...credentials })
  const hint =
    missingVariableHint({ lines: lastLines, given, origin }) ||
    stdioHint(launch, { exitCode, lastLines })
  return new GatewayError(code, {
    params: { ...params, command, server, hint },
    details: { command, exitCode, signal, lastLines },
  })
}

export function keeperFailed(cause: unknown): GatewayError {
  return new GatewayError('ERR_WORKERS_KEEPER', { params: { why: messageOf(cause) }, cause })
}

/** What a keeper is told to start: the command line with its port filled in. */
export function keeperSpec(local: LocalSpec, port: number | null): KeeperSpec {
  const { launch, directory, cwd, workerId, outlives, isWarm } = local
  const fill = (text: string): string =>
    port === null ? text : text.replaceAll('${PORT}', String(port))
  const filled = Object.entries(local.env).map(([key, value]) => [key, fill(value)] as const)
  const env = { ...Object.fromEntries(filled), ...local.credentials }
  return {
    workerId,
    command: fill(launch.command),
    args: launch.args.map(fill),
    cwd,
    env: port === null ? env : { ...env, PORT: String(port) },
    transport: launch.transport,
    port,
    path: launch.path,
    relay: isRelayed(launch),
    ...(launch.isPlain === true ? { isPlain: true } : {}),
    outputFile: join(directory, 'output.log'),
    outputMaxBytes: local.outputMaxBytes,
    exitFile: exitFileOf(directory),
    startTimeoutMs: local.startTimeoutMs,
    ...(outlives === undefined ? {} : { outlives: outlivingOf(outlives) }),
    ...(isWarm === true ? { isWarm } : {}),
    wrapped: null,
  }
}

export const outlivingOf = ({ maxMs, orphanMs }: Outlives): Outliving => ({
  maxMs: maxMs + gatewayFirstMs,
  orphanMs,
})
