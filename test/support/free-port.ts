import { systemClock } from '../../src/ground/clock.ts'
import { createPorts } from '../../src/workers/ports.ts'

const ports = createPorts(systemClock, 0)

/** A free port that nobody else is given, for what cannot tell which one it has. */
export const freePort = (): Promise<number> => ports.take()
