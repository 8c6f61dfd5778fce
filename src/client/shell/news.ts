import { plainLine } from '../../ground/terminal.ts'
import { kinds } from './catalogue.ts'
import type { Catalogue, Kind } from './catalogue.ts'

export interface NewsOptions {
  catalogue(): Catalogue | undefined
  tell(text: string): void
}

/**
 * Takes what a server says without being asked.
 *
 * @returns whether it was something for the shell
 */
export type TakeNews = (method: string, params: Record<string, unknown>) => boolean

export function createNews({ catalogue, tell }: NewsOptions): TakeNews {
  const asking = new Map<Kind, { isStale: boolean }>()

  /** However often it is said, there is one question at a time. */
  async function refresh(kind: Kind): Promise<void> {
    const underWay = asking.get(kind)
    if (underWay !== undefined) {
      underWay.isStale = true
      return
    }
    const round = { isStale: false }
    asking.set(kind, round)
    const said = await catalogue()
      ?.changed(kind)
      .catch(() => `The ${kind} of the server have changed.`)
    asking.delete(kind)
    if (round.isStale) await refresh(kind)
    else if (said !== undefined) tell(said)
  }

  return (method, params) => {
    const kind = kinds.find((one) => method === `notifications/${one}/list_changed`)
    if (kind !== undefined) {
      void refresh(kind)
      return true
    }
    if (method !== 'notifications/resources/updated') return false
    tell(plainLine(`The resource ${String(params['uri'])} has changed.`))
    return true
  }
}
