/**
 * A queue that anything in it can leave in the middle. A `Set` would do, but one that is emptied
 * from its front costs more for each event than all else that is done for it.
 */
export interface Queue<T extends Queued<T>> extends Iterable<T> {
  size(): number
  first(): T | undefined
  has(item: T): boolean
  addLast(item: T): void
  /** @returns false when it was not in here */
  remove(item: T): boolean
}

/** What can stand in one queue at a time. */
export interface Queued<T extends Queued<T>> {
  queue: Queue<T> | undefined
  before: T | undefined
  behind: T | undefined
}

export function createQueue<T extends Queued<T>>(): Queue<T> {
  let first: T | undefined
  let last: T | undefined
  let size = 0

  const queue: Queue<T> = {
    size: () => size,
    first: () => first,
    has: (item) => item.queue === queue,
    addLast(item) {
      item.queue = queue
      item.before = last
      item.behind = undefined
      if (last === undefined) first = item
      else last.behind = item
      last = item
      size += 1
    },
    remove(item) {
      if (item.queue !== queue) return false
      const { before, behind } = item
      if (before === undefined) first = behind
      else before.behind = behind
      if (behind === undefined) last = before
      else behind.before = before
      item.queue = undefined
      item.before = undefined
      item.behind = undefined
      size -= 1
      return true
    },
    *[Symbol.iterator]() {
      for (let item = first; item !== undefined; item = item.behind) yield item
    },
  }
  return queue
}
