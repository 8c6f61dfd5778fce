/** Part of a line of a terminal, in one style. */
interface Span {
  text: string
  color: string | undefined
  isBold: boolean
}
export type Line = readonly Span[]

const frame = { background: '#15191f', edge: '#3b4350', text: '#d7dde5', title: '#8b95a3' }
const colors: Readonly<Record<number, string>> = {
  31: '#ff7b72',
  32: '#56d364',
  33: '#e3b341',
  35: '#e08aff',
  36: '#56c8d8',
}
const setIn = '        '
const [charWidth, lineHeight, fontSize, margin, titleHeight] = [7.8, 17, 13, 16, 30]

/**
 * What stands on a terminal when everything was written to it, as if it were endlessly high: colours,
 * and lines that were erased to be drawn anew.
 */
export function linesOf(written: string, columns: number): Line[] {
  const rows: Line[] = []
  let style: Omit<Span, 'text'> = { color: undefined, isBold: false }
  let row: Span[] = []
  for (const [token] of written.matchAll(/\u001b\[[\d;]*[A-Za-z]|\r?\n|[^\u001b\r\n]+/g)) {
    const [, numbers = '', verb] = /^\u001b\[([\d;]*)([A-Za-z])$/.exec(token) ?? []
    if (verb === 'm') style = numbers.split(';').reduce(styled, style)
    else if (verb === 'A') rows.splice(-Math.max(1, Number(numbers)))
    else if (verb === 'J') row = []
    else if (verb !== undefined) continue
    else if (token.endsWith('\n')) {
      rows.push(...wrapped(row, columns))
      row = []
    } else row.push({ text: token, ...style })
  }
  return [...rows, ...wrapped(row, columns)]
}

function styled(style: Omit<Span, 'text'>, number: string): Omit<Span, 'text'> {
  const code = Number(number)
  if (code === 0) return { color: undefined, isBold: false }
  if (code === 1) return { ...style, isBold: true }
  if (code === 22) return { ...style, isBold: false }
  if (code === 39) return { ...style, color: undefined }
  return code in colors ? { ...style, color: colors[code] } : style
}

/** Between words, and what goes on is set in: easier to read than what a terminal does. */
function wrapped(row: Line, columns: number): Line[] {
  const text = textOf(row)
  if (text.length <= columns) return [row]
  const space = text.lastIndexOf(' ', columns)
  const cut = space > setIn.length ? space + 1 : columns
  const rest = [plainSpan(setIn), ...sliced(row, cut, text.length)]
  return [sliced(row, 0, cut), ...wrapped(rest, columns)]
}

function sliced(row: Line, from: number, to: number): Line {
  let before = 0
  return row.flatMap((span) => {
    const text = span.text.slice(Math.max(0, from - before), Math.max(0, to - before))
    before += span.text.length
    return text === '' ? [] : [{ ...span, text }]
  })
}

export const plainSpan = (text: string): Span => ({ text, color: undefined, isBold: false })
export const textOf = (line: Line): string => line.map(({ text }) => text).join('')

/** A picture of a terminal with these lines; it has its own background, for any page. */
export function terminalSvg(title: string, lines: readonly Line[], columns: number): string {
  const width = Math.ceil(columns * charWidth + 2 * margin)
  const height = lines.length * lineHeight + titleHeight + 2 * margin
  const texts = lines.flatMap((line, index) => {
    const text = textOf(line).trimEnd()
    if (text === '') return []
    const y = titleHeight + margin + index * lineHeight + fontSize
    const length = Math.round(Array.from(text).length * charWidth * 10) / 10
    const spans = line.map(spanSvg).join('').trimEnd()
    return [
      `<text x="${margin}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs">${spans}</text>`,
    ]
  })
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (fill, index) => `<circle cx="${margin + 6 + index * 18}" cy="16" r="5.5" fill="${fill}"/>`,
  )
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>text { font: ${fontSize}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: ${frame.text}; white-space: pre }</style>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="9" fill="${frame.background}" stroke="${frame.edge}"/>`,
    ...dots,
    `<text x="${width / 2}" y="20" text-anchor="middle" style="fill: ${frame.title}">${escaped(title)}</text>`,
    ...texts,
    '</svg>',
  ].join('\n')}\n`
}

function spanSvg({ text, color, isBold }: Span): string {
  if (color === undefined && !isBold) return escaped(text)
  const styles = [
    ...(color === undefined ? [] : [`fill: ${color}`]),
    ...(isBold ? ['font-weight: bold'] : []),
  ]
  return `<tspan style="${styles.join('; ')}">${escaped(text)}</tspan>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
