/**
 * What dpkg's list of installed packages says of the base system alone: what is essential,
 * required or important, and what that depends on. Every Debian has it, so that what is unpacked
 * beside it runs whatever else was installed, and goes on running when that is removed.
 */
export function baseSystemIn(status: string): string {
  const paragraphs = status.split(/\n\n+/).filter((text) => /^Package: /m.test(text))
  const installed = paragraphs.filter((text) => /^Status: .* installed$/m.test(text))
  const byName = new Map<string, string[]>()
  for (const text of installed) {
    for (const name of [field(text, 'Package'), ...namesIn(field(text, 'Provides'))]) {
      byName.set(name, [...(byName.get(name) ?? []), text])
    }
  }
  const waiting = installed.filter(isBase)
  const base = new Set(waiting)
  for (const text of waiting) {
    const needed = ['Depends', 'Pre-Depends'].flatMap((key) => namesIn(field(text, key)))
    for (const other of needed.flatMap((name) => byName.get(name) ?? [])) {
      if (!base.has(other)) waiting.push(other)
      base.add(other)
    }
  }
  return installed
    .filter((text) => base.has(text))
    .map((text) => `${text.trimEnd()}\n`)
    .join('\n')
}

function isBase(text: string): boolean {
  const priority = field(text, 'Priority')
  return field(text, 'Essential') === 'yes' || ['required', 'important'].includes(priority)
}

function field(text: string, key: string): string {
  return new RegExp(`^${key}: (.*)$`, 'm').exec(text)?.[1] ?? ''
}

/** Alternatives are taken for all of them: one that is installed may be the one that is used. */
function namesIn(relations: string): string[] {
  return relations
    .split(/[,|]/)
    .map((text) => text.trim().split(/[\s(:]/)[0] ?? '')
    .filter((name) => name !== '')
}
