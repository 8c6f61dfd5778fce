import { setTimeout as sleep } from 'node:timers/promises'

/**
 * How long anything may take that is to happen at all: far longer than it does on a machine that
 * does much else and stands still now and then. Only what fails takes so long.
 */
export const longEnoughMs = 60_000

/**
 * Lets time pass. Only for what must not happen meanwhile, or may be at any moment: whatever a test
 * waits for it sees with `eventually`, and what takes the product minutes is moved on with its clock.
 */
export const meanwhile = (ms: number): Promise<void> => sleep(ms)
