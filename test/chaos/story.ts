import { handleOf } from '../../src/ground/handle.ts'

/** What a client knows of one of its sessions. */
export interface Story {
  id: string
  handle: string
  server: string
  openedAtMs: number
  /** Whether its client wanted it to end. */
  deleted: boolean
  /** What the first 404 gave as the reason; `unsaid` if it gave none. */
  told: string | undefined
}

/** How an exchange may go. All but the last two are as they should be. */
export const outcomes = [
  'answered',
  'resumed',
  'cut',
  'refused',
  'failed by the gateway',
  'session gone',
  'WRONG',
  'HUNG',
] as const
export type Outcome = (typeof outcomes)[number]

/** What all clients have seen. */
export interface Tally {
  stories: Story[]
  counts: Record<Outcome, number>
  /** The same in detail: the words that failures came with. */
  details: Map<string, number>
  /** What must not be, in words. */
  wrongs: string[]
  tell(outcome: Outcome, detail?: string): void
  begin(id: string, server: string): Story
}

export function createTally(): Tally {
  const counts = Object.fromEntries(outcomes.map((outcome) => [outcome, 0]))
  const tally: Tally = {
    stories: [],
    counts: counts as Record<Outcome, number>,
    details: new Map(),
    wrongs: [],
    tell(outcome, detail) {
      tally.counts[outcome] += 1
      if (outcome === 'WRONG' || outcome === 'HUNG') tally.wrongs.push(`${outcome}: ${detail}`)
      if (detail === undefined) return
      const line = `${outcome}: ${detail.replace(/, request \S+(?=\))/, '')}`
      tally.details.set(line, (tally.details.get(line) ?? 0) + 1)
    },
    begin(id, server) {
      const story: Story = {
        id,
        handle: handleOf(id),
        server,
        openedAtMs: Date.now(),
        deleted: false,
        told: undefined,
      }
      tally.stories.push(story)
      return story
    },
  }
  return tally
}
