import { GatewayError, messageOf } from '../ground/errors.ts'
import {
  isOutOfRoom,
  isShortOfFiles,
  noRoomError,
  openFilesLimit,
  saysOutOfRoom,
} from '../ground/room.ts'

/**
 * Refuses to start what would take the files that everything else needs.
 *
 * @throws ERR_WORKERS_NO_ROOM
 */
export function checkRoomForWorker(): void {
  if (!isShortOfFiles()) return
  const why = `nearly all of the ${openFilesLimit()} files that the gateway may have open are in use`
  throw noRoomError(why)
}

/**
 * A start that failed because the machine, or a limit, left no process, file, memory or disk for it:
 * nobody's fault, and the next one may succeed. Anything else is given back as it is.
 */
export function asNoRoom(thrown: unknown): unknown {
  const disk = diskProblem(thrown)
  if (disk !== undefined) {
    const cause = thrown instanceof GatewayError ? thrown.cause : thrown
    return new GatewayError('ERR_WORKERS_DISK', {
      params: { why: disk },
      retryAfterSeconds: diskRetrySeconds,
      cause,
    })
  }
  if (!isOutOfRoom(thrown) && !isSaidByKeeper(thrown)) return thrown
  const cause = thrown instanceof GatewayError ? thrown.cause : thrown
  return noRoomError(messageOf(thrown).replace(/\.$/, ''), cause)
}

const diskRetrySeconds = 10

/** Full, over a quota, read-only, or broken. */
const diskCodes = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']

function diskProblem(thrown: unknown): string | undefined {
  if (!(thrown instanceof GatewayError)) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
    return diskCodes.includes(code) ? code : undefined
  }
  // Its own words: what a server says of a disk may be about another one.
  const { code, message } = thrown
  return code === 'ERR_WORKERS_KEEPER'
    ? diskCodes.find((each) => message.includes(each))
    : undefined
}

/** A keeper has but words for it; those of a server are its own. */
function isSaidByKeeper(thrown: unknown): boolean {
  if (!(thrown instanceof GatewayError)) return false
  const { code, message } = thrown
  if (code === 'ERR_WORKERS_KEEPER') return saysOutOfRoom(message)
  return code === 'ERR_WORKERS_SPAWN' && /: (EMFILE|ENFILE|EAGAIN|ENOMEM)\.$/.test(message)
}
