import { createAdminToken } from '../auth/admin-token.ts'
import type { GatewayIdentity } from '../ground/identity-files.ts'
import { removeIdentities, removeIdentity, writeIdentity } from '../ground/identity-files.ts'
import type { ListenerOptions, ListenOnOptions } from '../ground/listener.ts'
import { createListener, listenOn, stopListening } from '../ground/listener.ts'
import { stateFolder } from '../ground/state-dir.ts'
import type { SessionDirectories } from '../sessions/directories.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { HandoverNews } from './handover.ts'
import { createHandover } from './handover.ts'
import type { AdminOptions } from './plugin.ts'
import { adminPlugin } from './plugin.ts'
import { askToHandOver, findPredecessor } from './predecessor.ts'
import { localIssuerRoutes } from './routes/local-issuer.ts'

/** Commands, a page or two, and what reads the metrics: who wants more wants no good. */
const connectionsAtMost = 64

/** What tells this process from all others, and its listeners' addresses from theirs. */
type Self = Pick<GatewayIdentity, 'bootId' | 'pid' | 'startTime' | 'pidNamespace' | 'sharedStore'>

export interface BackSetup
  extends Pick<AdminOptions, 'limitsOf' | 'check' | 'metrics'>, ListenerOptions {
  sessions: Sessions
  directories: SessionDirectories
  stateDir: string
  host: string
  port: number
  self: Self
  /** Port of the public listener. */
  publicPort: number
  isAlive(identity: GatewayIdentity): boolean
  /** Closes the public listener's sockets at once. */
  stopListening(): void
}

/** The admin listener, and the file by which the command line finds it. */
export interface Back {
  /** Asks the gateway that listens at the public port to hand over. @throws ERR_CONFIG_INVALID */
  takeOver(): Promise<HandoverNews | undefined>
  /** @returns its base @throws ERR_CONFIG_INVALID */
  listen(options: ListenOnOptions): Promise<string>
  /** Lets commands find this gateway, and forgets those that were killed. */
  announce(urls: { url: string; adminUrl: string }): void
  /** Nobody finds or reaches this gateway any more, not by its public address either. */
  withdraw(): void
  /** Settles when a newer gateway has taken over. */
  readonly handedOver: Promise<HandoverNews>
  close(): Promise<void>
}

export async function setUpBack(options: BackSetup): Promise<Back> {
  const { sessions, directories, stateDir, self, isAlive, limitsOf, check, metrics } = options
  const identities = stateFolder(stateDir, 'gateways')
  const token = createAdminToken()
  const app = createListener({ ...options, connections: connectionsAtMost })
  const withdraw = (): void => {
    options.stopListening()
    stopListening(app)
    removeIdentity(identities, self.pid)
  }
  const handover = createHandover({
    stopListening: withdraw,
    openExchanges: () => sessions.list().reduce((sum, { carried }) => sum + carried, 0),
  })
  await app.register(localIssuerRoutes, { stateDir, check })
  await app.register(adminPlugin, {
    token,
    handover,
    sessions,
    directories,
    limitsOf,
    check,
    metrics,
  })

  return {
    async takeOver() {
      const old = findPredecessor({ folder: identities, port: options.publicPort, isAlive })
      return old === undefined ? undefined : askToHandOver(old)
    },
    listen: (how) => listenOn(app, options.host, options.port, 'admin.port', how),
    announce({ url, adminUrl }) {
      writeIdentity(identities, { ...self, url, adminUrl, token: token.value })
      // Pids of another boot or another container mean nothing here; who had our address is gone.
      const isHere = (other: GatewayIdentity): boolean =>
        other.adminUrl === adminUrl ||
        (other.bootId === self.bootId && other.pidNamespace === self.pidNamespace)
      removeIdentities(identities, (other) => isHere(other) && !isAlive(other))
    },
    withdraw,
    handedOver: handover.done,
    async close() {
      removeIdentity(identities, self.pid)
      await app.close()
    },
  }
}
