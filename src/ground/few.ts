/**
 * A set and a map for a few things that come and go with every request: to look one up takes as long
 * as there are others, which are a handful.
 *
 * Not those of the language: what comes and goes gives them a new table every few times, and each old
 * table keeps hold of the next one, and of all that was in it. Once one of them has become old, none
 * of the later ones is young garbage any more, nor are the requests and answers that they name.
 */
export class FewSet<T> implements Iterable<T> {
  private readonly items: T[] = []

  get size(): number {
    return this.items.length
  }

  /** It must not be in it: that is not looked for. */
  add(item: T): void {
    this.items.push(item)
  }

  /** The newest for which this holds. */
  newest(holds: (item: T) => boolean): T | undefined {
    return this.items.findLast(holds)
  }

  delete(item: T): boolean {
    const at = this.items.lastIndexOf(item)
    if (at !== -1) removeAt(this.items, at)
    return at !== -1
  }

  /** Oldest first. What goes meanwhile may hide another: who takes some away goes over a copy. */
  [Symbol.iterator](): ArrayIterator<T> {
    return this.items[Symbol.iterator]()
  }
}

/** @see FewSet */
export class FewMap<K, V> {
  private readonly keys: K[] = []
  private readonly items: V[] = []

  get size(): number {
    return this.items.length
  }

  has(key: K): boolean {
    return this.keys.includes(key)
  }

  get(key: K): V | undefined {
    const at = this.keys.lastIndexOf(key)
    return at === -1 ? undefined : this.items[at]
  }

  set(key: K, item: V): void {
    const at = this.keys.lastIndexOf(key)
    if (at === -1) {
      this.keys.push(key)
      this.items.push(item)
    } else this.items[at] = item
  }

  delete(key: K): boolean {
    const at = this.keys.lastIndexOf(key)
    if (at === -1) return false
    removeAt(this.keys, at)
    removeAt(this.items, at)
    return true
  }

  clear(): void {
    this.keys.length = 0
    this.items.length = 0
  }

  /** A copy, oldest first. */
  values(): V[] {
    return [...this.items]
  }

  /** A copy, oldest first. */
  entries(): [K, V][] {
    return this.keys.map((key, at) => [key, this.items[at] as V])
  }
}

/** As `splice` does it, which makes a list of what was removed. */
function removeAt(list: unknown[], at: number): void {
  for (let to = at + 1; to < list.length; to += 1) list[to - 1] = list[to]
  list.pop()
}
