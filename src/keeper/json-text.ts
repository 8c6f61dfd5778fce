/**
 * JSON as text: what only passes through is never parsed and printed again, because numbers above
 * 2^53 would not survive it. Both functions expect text that has been parsed without an error.
 */

/** Makes a JSON text one line. A JSON string holds no raw line end, so no value changes. */
export function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]+/g, ' ') : json
}

/** Cuts the text of a JSON array into the texts of its elements. */
export function elementsOf(array: string): string[] {
  const elements: string[] = []
  let depth = 0
  let from = 0
  const cut = (at: number): void => {
    const element = array.slice(from, at).trim()
    if (element !== '') elements.push(element)
    from = at + 1
  }
  for (let at = 0; at < array.length; at += 1) {
    const mark = array[at]
    if (mark === '"') {
      at = endOfString(array, at)
    } else if (mark === '[' || mark === '{') {
      depth += 1
      if (depth === 1) from = at + 1
    } else if (mark === ']' || mark === '}') {
      depth -= 1
      if (depth === 0) cut(at)
    } else if (mark === ',' && depth === 1) {
      cut(at)
    }
  }
  return elements
}

function endOfString(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at
}
