import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { parseCircular, parseDependencyTree } from 'dpdm'

/**
 * Files that import each other in a circle, each as `a.ts -> b.ts -> a.ts`. Imports of types count:
 * a circle of those compiles, and still nobody can read one file without the other.
 */
export async function findCircles(folder: string, below = ['.']): Promise<string[]> {
  const files = below.map((name) => join(folder, name, '**', '*.ts'))
  const tree = await parseDependencyTree(files, {
    context: folder,
    // Types would be gone otherwise.
    transform: false,
    include: /\.ts$/,
    exclude: /node_modules/,
  })
  return parseCircular(tree).map(inWords).sort()
}

/** From the first by name, wherever it was found from. */
function inWords(circle: string[]): string {
  const at = circle.indexOf([...circle].sort()[0] ?? '')
  const turned = [...circle.slice(at), ...circle.slice(0, at)]
  return [...turned, turned[0]].join(' -> ')
}

const isProgram = process.argv[1] === fileURLToPath(import.meta.url)
if (isProgram) {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  for (const circle of await findCircles(root, ['src', 'test'])) {
    process.stderr.write(`${circle}\n`)
    process.exitCode = 1
  }
}
