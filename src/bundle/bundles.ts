import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import { tellFault } from '../ground/guarded.ts'
import type { Inside } from '../proxy/inner.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Known } from './catalogue.ts'
import { createCatalogue } from './catalogue.ts'
import type { Bundle } from './options.ts'
import type { BundleRoom } from './room.ts'
import { createOwnLists, keepView, leftOutOf } from './room.ts'
import { createScouting } from './scouting.ts'
import { openBundle } from './session.ts'

export interface BundlesSetup {
  clock: Clock
  events: Events
  stateDir: string
  sessions: Sessions
  bundles: readonly Bundle[]
  servers: readonly Server[]
}

/** So many different warnings of a bundle are told; a hostile server could think of any number. */
const mostWarnings = 200
/** For servers that tell everybody the same. */
const anybody = ''

/** The ways to the workers of all bundles. */
export function setUpBundles(options: BundlesSetup): Inside {
  const { bundles, events } = options
  const byName = new Map(options.servers.map((server) => [server.name, server]))
  const taking = options.servers.filter(({ name }) =>
    bundles.some(({ members }) => members.some(({ server }) => server === name)),
  )
  const rooms = new Map<string, BundleRoom>()
  const catalogue = createCatalogue({
    ...options,
    servers: taking,
    onFault: tellFault('keeping the catalogue'),
    onChange(server, principal, kinds) {
      const isOwn = catalogue.isPersonal(server)
      for (const { listeners } of rooms.values()) {
        for (const listener of listeners) {
          if (!isOwn || listener.principal === principal) listener.changed(server.name, kinds)
        }
      }
    },
  })
  const ownLists = createOwnLists()
  const scouting = createScouting({
    ...options,
    catalogue,
    leftOut: ({ name }) =>
      leftOutOf(name, (server, message) => events.emit('operator.warned', { server, message })),
  })
  for (const bundle of bundles) rooms.set(bundle.name, roomOf(bundle))

  return (session, door) => {
    const room = rooms.get(session.server.name)
    if (room === undefined) throw new Error(`there is no bundle ${session.server.name}`)
    return openBundle({ ...options, room, session, door })
  }

  function roomOf(bundle: Bundle): BundleRoom {
    const servers = new Map(
      bundle.members.flatMap(({ server: name }) => {
        const server = byName.get(name)
        return server === undefined ? [] : [[name, server] as const]
      }),
    )
    const isPersonal = [...servers.values()].some((server) => catalogue.isPersonal(server))
    const told = new Set<string>()
    const warn = (server: string, message: string): void => {
      const key = `${server}\n${message}`
      if (told.has(key) || told.size >= mostWarnings) return
      told.add(key)
      events.emit('operator.warned', { server, message: `Bundle ${bundle.name}: ${message}` })
    }
    const known = (name: string): Known | undefined => {
      const server = servers.get(name)
      return server === undefined ? undefined : catalogue.of(server, anybody)
    }
    return {
      bundle,
      catalogue,
      scouting,
      servers,
      warn,
      ownLists,
      listeners: new Set(),
      usual: isPersonal ? undefined : keepView({ bundle, catalogue, warn }, known),
    }
  }
}
