import type { Left } from './measure.ts'

/** The folder of an ended session, as it counts. */
export interface Kept extends Left {
  handle: string
  changedAtMs: number
}

/** What has to go. */
export interface Evicted {
  /** Of these the log stays. */
  workspaces: string[]
  whole: string[]
}

/** Below this all are alike. */
const smallBytes = 1024 ** 2

/**
 * Makes the total fit. Nobody can push out what others have left by leaving much: the largest go
 * first, among those of about the same size (a power of two) the oldest; and all workspaces go before
 * the first log, by which one sees what has happened.
 *
 * @param lackingBytes so much more has to go, for a disk that is full; logs stay all the same
 */
export function evict(folders: readonly Kept[], maxTotalBytes: number, lackingBytes = 0): Evicted {
  let total = folders.reduce((sum, { workspaceBytes, restBytes }) => {
    return sum + finite(workspaceBytes) + finite(restBytes)
  }, 0)
  const goes = (bytes: number, limit: number): boolean => {
    // What could not be measured may be anything.
    if (total <= limit && bytes !== Infinity) return false
    total -= finite(bytes)
    return true
  }
  const roomy = Math.min(maxTotalBytes, total - lackingBytes)
  const workspaces = ordered(folders, ({ workspaceBytes }) => workspaceBytes)
    .filter(({ workspaceBytes }) => workspaceBytes > 0)
    .filter(({ workspaceBytes }) => goes(workspaceBytes, roomy))
  const whole = ordered(folders, ({ restBytes }) => restBytes).filter(({ restBytes }) =>
    goes(restBytes, maxTotalBytes),
  )
  return {
    workspaces: workspaces.map(({ handle }) => handle),
    whole: whole.map(({ handle }) => handle),
  }
}

function ordered(folders: readonly Kept[], sizeOf: (kept: Kept) => number): Kept[] {
  const classOf = (kept: Kept): number =>
    Math.floor(Math.log2(Math.max(smallBytes, sizeOf(kept)) / smallBytes))
  return [...folders].sort((a, b) => {
    const [ofA, ofB] = [classOf(a), classOf(b)]
    return ofA === ofB ? a.changedAtMs - b.changedAtMs : ofB > ofA ? 1 : -1
  })
}

const finite = (bytes: number): number => (bytes === Infinity ? 0 : bytes)
