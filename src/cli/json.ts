/** Where a text stops being JSON, counted from 0; undefined if it is JSON. */
export function jsonErrorAt(text: string): number | undefined {
  let at = 0

  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found) at += found[0].length
    return found !== null
  }
  const spaces = (): boolean => skip(/[ \t\r\n]*/y)

  // Each returns whether it went well and leaves `at` where it did not.
  function value(): boolean {
    spaces()
    if (skip(/\{/y)) return items('}', pair)
    if (skip(/\[/y)) return items(']', value)
    return string() || skip(/-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y) || skip(/true|false|null/y)
  }
  function string(): boolean {
    if (!skip(/"/y)) return false
    skip(/([^"\\\u0000-\u001f]|\\(["\\/bfnrt]|u[\da-fA-F]{4}))*/y)
    return skip(/"/y)
  }
  function pair(): boolean {
    spaces()
    if (!string()) return false
    spaces()
    return skip(/:/y) && value()
  }
  function items(end: '}' | ']', item: () => boolean): boolean {
    const closes = (): boolean => skip(end === '}' ? /\}/y : /\]/y)
    spaces()
    if (closes()) return true
    do {
      if (!item()) return false
      spaces()
    } while (skip(/,/y))
    return closes()
  }

  const isWhole = value() && spaces() && at === text.length
  return isWhole ? undefined : at
}
