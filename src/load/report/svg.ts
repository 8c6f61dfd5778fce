import { plain } from '../../ground/terminal.ts'

/** Small pictures in SVG: axes, lines, bars and marks, in the colours of the page. */
export interface Frame {
  width: number
  height: number
  left: number
  right: number
  top: number
  bottom: number
}

export const frame: Frame = { width: 720, height: 240, left: 56, right: 56, top: 24, bottom: 36 }

export interface Scale {
  (value: number): number
  ticks: number[]
}

/** What may come from a server has nothing in it that neither HTML nor XML allows. */
export function escape(text: string | number): string {
  return plain(String(text))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** From 0 to a round number that is not below the largest value. */
export function linear(largest: number, [from, to]: [number, number], wanted = 4): Scale {
  const step = niceStep(Math.max(largest, 1e-9) / wanted)
  const top = Math.ceil(largest / step - 1e-9) * step || step
  const scale = (value: number): number => from + ((to - from) * value) / top
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step)
  return Object.assign(scale, { ticks })
}

/** Powers of ten that have all values between them. */
export function logarithmic([least, most]: [number, number], [from, to]: [number, number]): Scale {
  const low = Math.floor(Math.log10(Math.max(least, 1e-3)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(most, 1e-3))))
  const scale = (value: number): number =>
    from + ((to - from) * (Math.log10(Math.max(value, 10 ** low)) - low)) / (high - low)
  const ticks = Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at))
  return Object.assign(scale, { ticks })
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? rough
}

export function tag(
  name: string,
  attributes: Record<string, string | number>,
  content = '',
): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(value)}"`)
  return `<${name}${written.join('')}>${content}</${name}>`
}

const round = (value: number): number => Math.round(value * 10) / 10

export function picture(title: string, content: string, { width, height } = frame): string {
  const attributes = { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title }
  return tag('svg', attributes, `<title>${escape(title)}</title>${content}`)
}

export function text(
  x: number,
  y: number,
  words: string,
  anchor: 'start' | 'middle' | 'end' = 'middle',
): string {
  return tag('text', { x: round(x), y: round(y), 'text-anchor': anchor }, escape(words))
}

export function line(points: readonly (readonly [number, number])[], name: string): string {
  const path = points.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`)
  return tag('path', { d: path.join(''), class: `line ${name}` })
}

export function bar(
  box: { x: number; y: number; width: number; height: number },
  name: string,
  title: string,
): string {
  const { x, y, width, height } = box
  const attributes = {
    x: round(x),
    y: round(y),
    width: round(Math.max(width, 0.5)),
    height: round(Math.max(height, 0)),
    class: name,
  }
  return tag('rect', attributes, `<title>${escape(title)}</title>`)
}

export function rule(x1: number, y1: number, x2: number, y2: number, name = 'grid'): string {
  return tag('line', { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), class: name })
}

/** Lines across, with their values beside them. */
export function yAxis(scale: Scale, words: (value: number) => string, side = 'left'): string {
  const { left, width, right } = frame
  return scale.ticks
    .map((tick) =>
      side === 'left'
        ? rule(left, scale(tick), width - right, scale(tick)) +
          text(left - 8, scale(tick) + 4, words(tick), 'end')
        : text(width - right + 8, scale(tick) + 4, words(tick), 'start'),
    )
    .join('')
}

export function xAxis(scale: Scale, words: (value: number) => string): string {
  const { height, bottom } = frame
  return scale.ticks.map((tick) => text(scale(tick), height - bottom + 18, words(tick))).join('')
}
