/**
 * How long anything may take that is to happen at all: far longer than it does on a machine that
 * does much else and stands still now and then. Only what fails takes so long.
 */
export const longEnoughMs = 60_000
