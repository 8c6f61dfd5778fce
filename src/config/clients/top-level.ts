import { isMap, type Tree } from '../check.ts'
import { didYouMean, listed, withMeant, type Problems } from '../problems.ts'
import { otherTopLevelKeys, serverOptions, settingKeys, sharedWords } from '../schema.ts'
import { isMark, type Client } from './marks.ts'
import type { Projects } from './projects.ts'

export interface FileFacts {
  client: Client | undefined
  isOwn: boolean
  isSetting(key: string): boolean
  /** Where the servers stand. */
  place: readonly string[]
  projects: Projects | undefined
}

/**
 * Goes through the keys at the top: what is a mistake becomes a problem, and what is another
 * client's is named.
 *
 * @returns one text; undefined where nothing is left out
 */
export function noteOf(tree: Tree, facts: FileFacts, problems: Problems): string | undefined {
  const { client, place } = facts
  const leftOut: string[] = []
  if (place.length > 0) {
    for (const key of Object.keys(tree)) {
      if (facts.isSetting(key) || otherTopLevelKeys.includes(key) || key === place[0]) continue
      const mistake = mistakeOf(key, facts)
      if (mistake !== undefined) problems.add([key], mistake)
      else if (!isRead(key, tree, facts)) leftOut.push(key)
    }
  }
  const isTheirs = (key: string): boolean =>
    client !== undefined && (isMark(client, key) || client.taken?.includes(key) === true)
  const nearlyOurs = new Set(
    leftOut.filter((key) => !isTheirs(key) && didYouMean(key, settingKeys) !== ''),
  )
  const others = facts.projects?.others ?? []
  const sentences = [
    ...(leftOut.length === 0 ? [] : [leftOutText(leftOut, nearlyOurs, client, place)]),
    ...(others.length === 0
      ? []
      : [
          `It has servers of other folders too (${few(others)}); they are read by a Berth that is started there.`,
        ]),
    ...(tree.sandbox === undefined
      ? []
      : ["sandbox is VS Code's own; here the servers run without it."]),
  ]
  return sentences.length === 0 ? undefined : sentences.join(' ')
}

/** Keys beside the servers that say which of them are used. */
function isRead(key: string, tree: Tree, { projects }: FileFacts): boolean {
  if (key === 'projects') return projects !== undefined
  const inner = Object.keys(isMap(tree[key]) ? tree[key] : {})
  return (
    key === 'mcp' && inner.length > 0 && inner.every((name) => /^(allowed|excluded)$/.test(name))
  )
}

function leftOutText(
  keys: readonly string[],
  nearlyOurs: ReadonlySet<string>,
  client: Client | undefined,
  place: readonly string[],
): string {
  // What may be a mistake is never among those that are only counted.
  const near = [...nearlyOurs].map((key) => withMeant(shown(key), settingKeys))
  const others = keys.filter((key) => !nearlyOurs.has(key))
  const named = listed([...near, ...fewOf(others)])
  return client === undefined
    ? `At the top of the file Berth does not know ${named}.`
    : `This is a file of ${client.name}: Berth reads the servers in ${place.join('.')}, and leaves out ${named}.`
}

const shownKeys = 6

/** A settings file may have hundreds. */
export const few = (names: readonly string[]): string => listed(fewOf(names))

function fewOf(names: readonly string[]): string[] {
  const shownNames = names.slice(0, shownKeys).map(shown)
  const more = names.length - shownNames.length
  return more === 0 ? shownNames : [...shownNames, `${more} more`]
}

/** As it is, where it is a word or a path. */
function shown(name: string): string {
  const short = name.length > 60 ? `${name.slice(0, 59)}…` : name
  return /^[\w$@./[\]~-]+$/.test(short) ? short : JSON.stringify(short)
}

/** Why a key that is no setting is a mistake; undefined where it is another client's. */
function mistakeOf(key: string, { client, isOwn }: FileFacts): string | undefined {
  const [first = '', ...more] = key.split('.')
  if (more.length > 0 && settingKeys.includes(first)) {
    return `is written as a map: ${first}: { ${more.join('.')}: … }`
  }
  if (client !== undefined && (!isOwn || isMark(client, key))) return undefined
  if (key === 'customJWTAuthorizer') return 'belongs into authorizerConfiguration.'
  const isWord = Object.hasOwn(serverOptions.properties, key)
  if (isWord && (isOwn || !sharedWords.includes(key) || key === 'port')) {
    return 'is a key of a server: write it into the server, or under defaults for all.'
  }
  const meant = didYouMean(key, [...settingKeys, ...otherTopLevelKeys])
  return isOwn || meant !== '' ? `unknown key.${meant}` : undefined
}
