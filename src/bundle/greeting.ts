import { version } from '../ground/version.ts'
import type { Known } from './catalogue.ts'
import type { Bundle } from './options.ts'
import { capabilitiesOf } from './view.ts'

const longest = 16 * 1024

/** The result of `initialize`. @param missing why servers are not there yet */
export function greet(
  bundle: Bundle,
  protocolVersion: string,
  known: (server: string) => Known | undefined,
  missing: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const { name, members } = bundle
  const instructions = instructionsOf(bundle, known, missing)
  const servers = members.map(({ server }) => server).join(', ')
  return {
    protocolVersion,
    capabilities: capabilitiesOf(bundle, known),
    serverInfo: { name, title: `${name}: ${servers}`, version: version() },
    ...(instructions === '' ? {} : { instructions }),
  }
}

/** What its servers say, each under its name, and which of them are not there. */
function instructionsOf(
  { members, separator }: Bundle,
  known: (server: string) => Known | undefined,
  missing: ReadonlyMap<string, string>,
): string {
  const told = members.flatMap(({ server, prefix }) => {
    const { instructions } = known(server) ?? {}
    if (instructions === undefined || instructions.trim() === '') return []
    const names = prefix === '' ? '' : ` (its names begin with ${prefix}${separator})`
    return [`${server}${names}: ${instructions}`]
  })
  const absent = [...missing].map(
    ([server, why]) => `${server} is not there yet: ${why}. Its tools appear when it comes.`,
  )
  return [...told, ...absent].join('\n\n').slice(0, longest)
}
