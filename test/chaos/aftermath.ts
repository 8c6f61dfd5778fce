import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { handleOf } from '../../src/ground/handle.ts'
import { cgroupsOf, mountsBelow } from '../run/kernel-leaks.ts'
import { eventually } from '../support/eventually.ts'
import { longEnoughMs } from '../support/patience.ts'
import { commandOf, processesWith } from '../support/processes.ts'
import { rawRequest } from '../support/raw-http.ts'
import type { Scene } from './chaos.ts'
import type { Story } from './story.ts'

/** What came of the sessions. */
export interface Fates {
  /** By why they ended, or what else became of them. */
  counts: Map<string, number>
  /** Sessions that live and whose clients never heard of them: their `initialize` was cut. */
  unheard: number
}

const settledWithinMs = 2 * longEnoughMs
const patience = { withinMs: settledWithinMs, everyMs: 100 }

/** Looks at everything that must be true now; what is not stands in `scene.tally.wrongs`. */
export async function lookAround(scene: Scene): Promise<Fates> {
  await settle(scene, 'a session that is neither live nor closed', async () =>
    (await scene.records())
      .filter(({ state }) => state !== 'live' && state !== 'closed')
      .map(({ id, state }) => `${state} ${id}`),
  )
  for (let round = 0; round < scene.replicas.length; round += 1) {
    await Promise.all(scene.clients.map((client) => client.call()))
  }
  const fates = await judgeSessions(scene)
  judgeEnds(scene)
  await endSessions(scene)
  await Promise.all(scene.replicas.map((replica) => replica.end('SIGTERM')))
  await lookForLeaks(scene)
  scene.tally.wrongs.push(...scene.news.wrongs)
  return fates
}

async function judgeSessions(scene: Scene): Promise<Fates> {
  const { tally, clients } = scene
  const records = await scene.records()
  const byId = new Map(records.map((record) => [record.id, record]))
  const current = new Set(clients.map((client) => client.current()))
  const counts = new Map<string, number>()
  for (const story of tally.stories) {
    const record = byId.get(story.id)
    const closed = scene.news.closed.get(story.handle)?.[0]
    const told = story.told === 'unsaid' || story.deleted ? undefined : story.told
    const reason = record?.end?.reason ?? closed?.reason ?? told
    const lives = record?.state === 'live' && current.has(story)
    const wasKilled = scene.disasters.attacked.has(story.handle) ? ', its worker killed' : ''
    const without = `lost with Redis${record === undefined ? wasKilled : ' and written back'}`
    const fate = lives ? 'lives' : (reason ?? without)
    counts.set(fate, (counts.get(fate) ?? 0) + 1)
    if (!isExplained(fate, story, scene)) {
      const about = JSON.stringify({ ...story, closed, record })
      tally.wrongs.push(`a session that was ${fate}: ${about}`)
    }
  }
  const known = new Set(tally.stories.map(({ id }) => id))
  const unheard = records.filter(({ id, state }) => state === 'live' && !known.has(id))
  return { counts, unheard: unheard.length }
}

function isExplained(fate: string, story: Story, { disasters }: Scene): boolean {
  if (fate === 'lives') return true
  if (fate === 'client-deleted') return story.deleted
  if (fate === 'worker-exited' && disasters.attacked.has(story.handle)) return true
  // Who ended it had to leave while Redis was away: others know that its worker is gone, no more.
  if (fate === 'worker-exited' && story.deleted) return true
  // Redis came back without it, or as it was before its end; it may have been written back since.
  return disasters.forgotAtMs.some((atMs) => atMs > story.openedAtMs)
}

/** One end is told once, whoever took part in it, unless Redis forgot it in between. */
function judgeEnds({ news, tally, disasters }: Scene): void {
  for (const [handle, ends] of news.closed) {
    for (const [at, end] of ends.slice(1).entries()) {
      const before = ends[at]!
      const wasForgotten = disasters.forgotAtMs.some(
        (atMs) => atMs > before.atMs - settledWithinMs && atMs < end.atMs,
      )
      if (!wasForgotten) tally.wrongs.push(`${handle} ended twice: ${JSON.stringify(ends)}`)
    }
  }
}

async function endSessions(scene: Scene): Promise<void> {
  const live = (await scene.records()).filter(({ state }) => state === 'live')
  await Promise.all(
    live.map(async ({ id, server }, at) => {
      // Now and then by two at once.
      const removals = Array.from({ length: 1 + (at % 2) }, async () => {
        const options = { method: 'DELETE', headers: { 'mcp-session-id': id } }
        const url = scene.url(server)
        try {
          const answer = await rawRequest(url, options)
          await answer.text()
          if (answer.status === 200 || answer.status === 404) return
          scene.tally.wrongs.push(`a DELETE was answered with ${answer.status}`)
        } catch (error) {
          scene.tally.wrongs.push(`a DELETE at ${url} was not answered: ${String(error)}`)
        }
      })
      await Promise.all(removals)
    }),
  )
  await settle(scene, 'a session that did not end', async () =>
    (await scene.records()).filter(({ state }) => state !== 'closed').map(({ id }) => id),
  )
  await settle(scene, 'a worker without a session', () => namesIn(scene, 'workers'))
}

async function lookForLeaks(scene: Scene): Promise<void> {
  const { stateDir, mark, redis } = scene
  await settle(scene, 'a process', () =>
    processesWith(mark, stateDir)
      .filter(({ pid }) => pid !== process.pid)
      .map(({ pid }) => commandOf(pid)),
  )
  for (const folder of ['workers', 'run', 'gateways']) {
    await settle(scene, `a file in ${folder}/`, () => namesIn(scene, folder))
  }
  // Of what Redis forgot before it had ended, a gateway clears the folder away some minutes later.
  const known = new Set((await scene.records()).map(({ id }) => handleOf(id)))
  const isLeft = (handle: string): boolean =>
    known.has(handle) || scene.disasters.forgotAtMs.length === 0
  await settle(scene, 'a file of a session', () =>
    namesIn(scene, 'sessions')
      .filter(isLeft)
      .flatMap((handle) =>
        namesIn(scene, join('sessions', handle))
          .filter((name) => !/^(workspace|output\.log(\.1)?)$/.test(name))
          .map((name) => `${handle}/${name}`),
      ),
  )
  await settle(scene, 'a mount', () => mountsBelow(stateDir))
  const installation = readFileSync(join(stateDir, 'installation'), 'utf8')
  await settle(scene, 'a control group', () => cgroupsOf(`berth-${installation.slice(0, 8)}`))
  await settle(scene, 'a key', async () => {
    const keys = await redis.client.keys('*')
    const extra: string[] = []
    for (const key of keys) {
      if (/^\{berth\}:(ids|hosts|replicas|installation:\w+)$/.test(key)) continue
      const isTombstone = key.startsWith('{berth}:session:') && (await redis.client.pttl(key)) > 0
      if (!isTombstone) extra.push(key)
    }
    return extra
  })
}

const namesIn = ({ stateDir }: Scene, folder: string): string[] =>
  readdirSync(join(stateDir, folder))

/** Waits until there is none left of something; what is left then is wrong. */
async function settle(
  { tally }: Scene,
  what: string,
  look: () => Promise<string[]> | string[],
): Promise<void> {
  let left: string[] = []
  await eventually(async () => {
    left = await look()
    if (left.length > 0) throw new Error(what)
  }, patience).catch(() => {
    tally.wrongs.push(`${what} is left (${left.length}): ${left.slice(0, 40).join(', ')}`)
  })
}
