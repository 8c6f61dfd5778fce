import type { FaultOwner } from '../ground/guarded.ts'
import type { Session } from '../sessions/session.ts'
import { openFrameLink } from './frame-link.ts'
import type { FrameLink } from './frame-link.ts'
import type { Upstreams } from './asking.ts'

/**
 * The way to a keeper that speaks frames: one connection, opened when there is something to send.
 * What was on one that has broken is not sent again.
 */
export function openFrameUpstreams(endpoint: Session['endpoint'], owner: FaultOwner): Upstreams {
  let link: FrameLink | undefined
  return {
    dispatch(options, receiver) {
      if (link?.takesMore() !== true) link = openFrameLink(endpoint, owner)
      link.dispatch(options, receiver)
    },
    destroy() {
      link?.destroy()
      return Promise.resolve()
    },
  }
}
