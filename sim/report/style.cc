#include "sim/report/style.h"

namespace fedqat {

const char* const kStyle = R"css(
:root{color-scheme:light dark;
--page:#f6f7f9;--card:#fff;--ink:#14181f;--soft:#5b6675;--faint:#8d97a5;--line:#e4e8ee;--grid:#edf0f4;
--band:#f5f7fb;--accent:#2f6df6;--shadow:0 1px 2px rgba(16,24,40,.05),0 4px 16px rgba(16,24,40,.05);
--s0:#2f6df6;--s1:#ef7d22;--s2:#13a384;--s3:#c0399f;--s4:#8a63d2;--s5:#b08900;--s6:#4a8fa8;--s7:#d6455d}
@media (prefers-color-scheme:dark){:root{
--page:#0e1116;--card:#161b22;--ink:#e8edf4;--soft:#9aa6b5;--faint:#6f7b8a;--line:#252c36;--grid:#20262f;
--band:#1a2029;--accent:#6f9dff;--shadow:0 0 0 1px rgba(255,255,255,.03);
--s0:#6f9dff;--s1:#ffa155;--s2:#3fcfae;--s3:#ee7fd4;--s4:#b497f5;--s5:#e0bd3f;--s6:#7fc3dc;--s7:#ff7d92}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 Inter,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;
-webkit-font-smoothing:antialiased}
header,main{max-width:1240px;margin:0 auto;padding:0 24px}
header{padding-top:36px;padding-bottom:20px}
.brand{display:flex;align-items:center;gap:8px;color:var(--soft);font-weight:600;font-size:13px;
letter-spacing:.02em;margin-bottom:14px}
h1{font-size:30px;line-height:1.2;letter-spacing:-.02em;margin:0 0 6px;overflow-wrap:anywhere}
.sub{margin:0;color:var(--soft);overflow-wrap:anywhere}
main{padding-bottom:56px;display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:18px}
.tiles{grid-column:1/-1;display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:18px}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:14px;box-shadow:var(--shadow)}
.tile{padding:18px 20px}
.tile .label{font-size:13px;color:var(--soft);font-weight:500}
.tile .value{font-size:30px;line-height:1.25;font-weight:650;letter-spacing:-.02em;
font-variant-numeric:tabular-nums;margin:4px 0 2px;white-space:nowrap}
.tile .note{font-size:13px;color:var(--soft)}
.card{padding:18px 20px 16px;min-width:0}
.wide{grid-column:1/-1}
h2{font-size:15px;font-weight:600;margin:0 0 12px}
h2 small,.hint{font-weight:400;font-size:13px;color:var(--soft)}
.hint{margin:-8px 0 10px}
svg.plot{display:block;width:100%;height:auto;overflow:visible}
svg.plot text{fill:var(--soft);font-size:12.5px;font-variant-numeric:tabular-nums}
svg.plot .grid{stroke:var(--grid);stroke-width:1}
svg.plot .axis{stroke:var(--line);stroke-width:1}
svg.plot .band{fill:var(--band)}
svg.plot .edge{stroke:var(--faint);stroke-width:1;stroke-dasharray:2 4;opacity:.7}
svg.plot text.phase{fill:var(--faint);font-size:11.5px;letter-spacing:.03em}
svg.plot .curve{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
svg.plot .dashed{stroke-dasharray:5 5;stroke-width:1.8}
svg.plot .dot{stroke:var(--card);stroke-width:1.6}
svg.plot .hit{fill:transparent}
svg.plot .hit:hover{fill:var(--accent);opacity:.5}
svg.plot .bar:hover{opacity:.75}
svg.plot .front{fill:none;stroke:var(--soft);stroke-width:1.6;stroke-dasharray:5 4}
svg.plot .leader{stroke:var(--faint);stroke-width:1}
svg.plot text.point{fill:var(--ink);font-size:12.5px;font-weight:600;paint-order:stroke;
stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:10px;font-size:12.5px;color:var(--soft)}
.legend span{display:inline-flex;align-items:center;gap:7px}
.legend b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}
.legend i{width:14px;height:3px;border-radius:2px;flex:none}
.legend i.box{width:10px;height:10px;border-radius:3px}
.legend i.dash{background:repeating-linear-gradient(90deg,var(--c) 0 4px,transparent 4px 7px)!important}
.bars{display:grid;grid-template-columns:auto 1fr auto;gap:7px 12px;align-items:center;font-size:13px;
font-variant-numeric:tabular-nums}
.bars .track{height:10px;border-radius:5px;background:var(--grid);overflow:hidden}
.bars .fill{height:100%;border-radius:5px;background:var(--accent)}
.bars .name{color:var(--soft)}
dl{display:grid;grid-template-columns:minmax(120px,auto) 1fr;gap:7px 18px;margin:0;font-size:13.5px}
@media (min-width:861px){.wide dl{grid-template-columns:auto 1fr auto 1fr;column-gap:40px}}
dt{color:var(--soft)}
dd{margin:0;text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--soft);font-size:12.5px}
th,td{padding:8px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
th:last-child,td:last-child{padding-right:0}
tbody tr:last-child td{border-bottom:0}
table.heat td+td{text-align:center;border-radius:4px;padding:8px 6px}
table.heat th+th{text-align:center}
details.card summary{cursor:pointer;font-weight:600}
details[open] summary{margin-bottom:12px}
pre{margin:0;overflow-x:auto;font:12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
color:var(--soft)}
@media (max-width:860px){main{grid-template-columns:minmax(0,1fr)}header,main{padding-left:16px;padding-right:16px}}
@media print{:root{--page:#fff}.card,.tile{break-inside:avoid;box-shadow:none}}
)css";

const char* const kLogo =
    "<svg width=\"20\" height=\"20\" viewBox=\"0 0 20 20\" aria-hidden=\"true\">"
    "<rect x=\"1\" y=\"11\" width=\"4\" height=\"8\" rx=\"1.5\" fill=\"var(--s0)\" "
    "opacity=\".45\"/>"
    "<rect x=\"8\" y=\"6\" width=\"4\" height=\"13\" rx=\"1.5\" fill=\"var(--s0)\" opacity=\".7\"/>"
    "<rect x=\"15\" y=\"1\" width=\"4\" height=\"18\" rx=\"1.5\" fill=\"var(--s0)\"/></svg>";

}  // namespace fedqat
