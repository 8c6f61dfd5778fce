/** The look of the page: by day, in the dark, and on paper. */
export const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --dim: #656d76; --rule: #d8dee4;
  --soft: #f6f8fa; --a: #2f6fde; --b: #b35900; --good: #1a7f37; --bad: #cf222e; --wait: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --dim: #8d96a0;
  --rule: #30363d; --soft: #161b22; --a: #6ea8fe; --b: #f0a35e; --good: #3fb950; --bad: #ff7b72;
  --wait: #d29922 } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --dim: #444; --rule: #bbb;
  --soft: #fff; --a: #2f6fde; --b: #b35900; --good: #1a7f37; --bad: #cf222e; --wait: #9a6700 }
  section { break-inside: avoid } details > * { display: block } body { padding: 0 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; print-color-adjust: exact }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
p, li { max-width: 46rem } .dim, figcaption { color: var(--dim) }
.verdicts { display: grid; grid-template-columns: repeat(auto-fit, minmax(12.5rem, 1fr)); gap: 1rem;
  margin-top: 1.5rem }
.verdict { border: 1px solid var(--rule); border-top: 4px solid var(--dim); border-radius: 6px;
  padding: .7rem 1rem; background: var(--soft) }
.verdict strong { display: block; font-size: 1.3rem }
.verdict p { margin: .3rem 0 0; font-size: .9rem }
.PASS { border-top-color: var(--good) } .PASS strong, .good { color: var(--good) }
.FAIL { border-top-color: var(--bad) } .FAIL strong, .bad { color: var(--bad) }
.INCONCLUSIVE { border-top-color: var(--wait) } .INCONCLUSIVE strong { color: var(--wait) }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top } thead th { color: var(--dim); font-weight: 600 }
.number { text-align: right; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto } figure { margin: 0 } code { font-size: .9em; overflow-wrap: anywhere }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; fill: var(--ink) }
svg .grid { stroke: var(--rule) } svg .mark { stroke: var(--ink); stroke-width: 2 }
svg .line { fill: none; stroke-width: 2 } svg .b { stroke: var(--b) }
svg .fill-a { fill: var(--a) } svg .fill-good { fill: var(--good) } svg .fill-bad { fill: var(--bad) }
svg .fill-dim { fill: var(--dim) } svg .half { opacity: .55 } svg .quarter { opacity: .28 }
`
