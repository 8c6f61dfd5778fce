import { GatewayError } from '../ground/errors.ts'
import { listensElsewhere } from '../workers/advice.ts'
import type { ListensElsewhere, WorkerExit } from '../workers/driver.ts'
import { missingVariableHint } from '../workers/missing-variable.ts'
import type { SessionEnd } from './record.ts'
import type { Server } from './server.ts'

type Details = NonNullable<SessionEnd['details']>

/** What is kept of a worker that ended by itself. */
export function detailsOf({ code, signal, how, oom, listens }: WorkerExit): Details {
  return {
    exitCode: code,
    signal,
    how,
    ...(oom === undefined ? {} : { oom }),
    ...(listens === undefined ? {} : { listens }),
  }
}

/** The same of one that served nothing yet: what it wrote last may tell what it lacks. */
export function startDetails(exit: WorkerExit, lines: readonly string[], server: Server): Details {
  const { launch, env, credentials } = server
  const origin = launch.kind === 'local' ? launch.origin : undefined
  const given = Object.keys({ ...env, ...credentials?.env })
  const hint = missingVariableHint({ lines, given, origin })
  return {
    ...detailsOf(exit),
    ...(hint === '' ? {} : { hint }),
    ...(lines.length === 0 ? {} : { lastLines: [...lines] }),
  }
}

/** A worker has ended before it served anything; `details` as above, perhaps out of a record. */
export function startFailure({ launch }: Server, details: Details): GatewayError {
  const { how, hint, listens, lastLines } = details
  if (launch.kind === 'local' && typeof listens === 'object' && listens !== null) {
    const lines = Array.isArray(lastLines) ? lastLines.map(String) : []
    // Only who should speak on stdio is ended for it.
    return listensElsewhere(launch, listens as ListensElsewhere, { port: null, lastLines: lines })
  }
  return new GatewayError('ERR_WORKERS_EXITED_EARLY', {
    params: {
      command: launch.shown,
      how: typeof how === 'string' ? how : 'it ended',
      hint: typeof hint === 'string' ? hint : '',
    },
    details,
  })
}
