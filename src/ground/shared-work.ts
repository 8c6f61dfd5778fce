/**
 * Work that several want at once is done once: they share what comes of it, also when it fails, and
 * go on in the order in which they asked. Whoever comes after it has it done anew.
 */
export type SharedWork<K, V> = (key: K, work: () => Promise<V>) => Promise<V>

export function createSharedWork<K, V>(): SharedWork<K, V> {
  const underway = new Map<K, Promise<V>>()
  return (key, work) => {
    const found = underway.get(key)
    if (found !== undefined) return found
    const done = work().finally(() => underway.delete(key))
    underway.set(key, done)
    return done
  }
}
