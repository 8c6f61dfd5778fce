/** A time as people say it: `120 s`, `1.5 s`, and below a second `700 ms`. */
export function spoken(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
}
