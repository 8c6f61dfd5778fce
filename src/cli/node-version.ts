/**
 * Why this Node cannot run the program; undefined if it can.
 *
 * @param running for instance `18.20.4`
 * @param wanted `engines.node` of the package: `>=20.19`
 */
export function tooOld(running: string, wanted: string): string | undefined {
  const least = wanted.replace(/^>=/, '')
  if (!isLess(numbersOf(running), numbersOf(least))) return undefined
  return `Berth needs Node.js ${least} or newer, and this is ${running}. Get a newer one at https://nodejs.org/ or with your version manager.`
}

const numbersOf = (version: string): number[] =>
  version.split('.').map((part) => parseInt(part, 10))

function isLess([major = 0, minor = 0]: number[], [leastMajor = 0, leastMinor = 0]: number[]) {
  return major < leastMajor || (major === leastMajor && minor < leastMinor)
}
