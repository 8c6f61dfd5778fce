/** What can stand in a line: in one at a time, or in none. */
export interface Standing {
  line: Line<this> | undefined
  before: this | undefined
  behind: this | undefined
}

/**
 * Things in the order in which they came, of which any can leave at any time. They are linked with
 * each other, so that to come and to leave makes no garbage: see `few.ts`.
 */
export class Line<T extends Standing> implements Iterable<T> {
  size = 0
  first: T | undefined
  private last: T | undefined

  /** It leaves the line in which it stands, and comes last in this one. */
  add(one: T): void {
    one.line?.delete(one)
    one.line = this
    one.before = this.last
    if (this.last === undefined) this.first = one
    else this.last.behind = one
    this.last = one
    this.size += 1
  }

  /** @returns whether it stood here */
  delete(one: T): boolean {
    if (one.line !== this) return false
    if (one.before === undefined) this.first = one.behind
    else one.before.behind = one.behind
    if (one.behind === undefined) this.last = one.before
    else one.behind.before = one.before
    one.line = one.before = one.behind = undefined
    this.size -= 1
    return true
  }

  /** Whoever has been passed may leave meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    for (let one = this.first; one !== undefined; one = one.behind) yield one
  }
}
