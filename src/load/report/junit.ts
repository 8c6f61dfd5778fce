import type { LoadReport } from './report.ts'
import { escape } from './svg.ts'
import { verdictsOf } from './verdicts.ts'

/** The verdicts as test cases, in the form that CI systems read. */
export function junitReport(report: LoadReport): string {
  const seconds = (report.figures.openingMs + report.figures.loadMs) / 1000
  const cases = verdictsOf(report).map(({ name, verdict, sentences }) => {
    const text = escape(sentences.join('\n'))
    const [first = verdict] = sentences
    const inner =
      verdict === 'PASS'
        ? `<system-out>${text}</system-out>`
        : verdict === 'not judged'
          ? `<skipped message="${escape(verdict)}"/><system-out>${text}</system-out>`
          : `<failure type="${escape(verdict)}" message="${escape(first)}">${text}</failure>`
    return `    <testcase classname="mcp-berth.load" name="${escape(name)}">${inner}</testcase>`
  })
  const failed = cases.filter((one) => one.includes('<failure')).length
  const skipped = cases.filter((one) => one.includes('<skipped')).length
  const counts = `tests="${cases.length}" failures="${failed}" errors="0" skipped="${skipped}"`
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${counts} time="${seconds.toFixed(3)}">
  <testsuite name="${escape(`isolation of ${report.target}`)}" ${counts} timestamp="${report.startedAt.slice(0, 19)}" time="${seconds.toFixed(3)}">
${cases.join('\n')}
  </testsuite>
</testsuites>
`
}
