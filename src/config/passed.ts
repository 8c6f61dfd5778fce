import { GatewayError } from '../ground/errors.ts'
import type { PassedSocket, PassedSockets } from '../ground/passed-sockets.ts'
import type { Config } from './config.ts'
import { isLoopback } from '../ground/loopback.ts'
import { adminIsLocal, exposureOf, exposureRules } from './exposure.ts'

/**
 * The configuration with the addresses of the sockets that were passed, for which the same rules
 * hold as for configured ones.
 *
 * @throws ERR_CONFIG_INVALID when one of them may not be listened on
 */
export function withPassedSockets(config: Config, sockets: PassedSockets): Config {
  let { listen, admin } = config
  const rules = exposureRules(config.allowAnonymous, config.authorization.servers)
  let warnings = [...config.warnings]
  if (sockets.public !== undefined) {
    const { host, port } = sockets.public
    const { problem, warning } = exposureOf(host, rules)
    if (problem !== undefined) throw refused('public', sockets.public, problem)
    const { warning: untrue } = exposureOf(listen.host, rules)
    warnings = warnings.filter((text) => text !== untrue)
    if (warning !== undefined) warnings.push(warning)
    warnings.push(noteOf('listen', sockets.public))
    listen = { ...listen, host, port }
  }
  if (sockets.admin !== undefined) {
    const { host, port } = sockets.admin
    if (!isLoopback(host)) throw refused('admin', sockets.admin, adminIsLocal)
    warnings.push(noteOf('admin', sockets.admin))
    admin = { ...admin, host, port }
  }
  return { ...config, listen, admin, warnings }
}

function noteOf(key: string, socket: PassedSocket): string {
  return `${shown(socket)} is a socket that was passed (LISTEN_FDS); ${key}.host and ${key}.port are not used.`
}

function refused(name: string, socket: PassedSocket, problem: string): GatewayError {
  return new GatewayError('ERR_CONFIG_INVALID', {
    params: {
      problems: `LISTEN_FDS: the ${name} socket that was passed listens on ${shown(socket)}: ${problem}`,
    },
  })
}

function shown({ host, port }: PassedSocket): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
