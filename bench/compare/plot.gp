# SPDX-License-Identifier: BSD-2-Clause
# Draws what ksem-compare --tsv wrote:
#   gnuplot -e "tsv='compare.tsv'; out='compare'" plot.gp
# makes out-latency.png, a point for each scenario and semaphore, and out-scaling.png, over threads and over ids. What
# wasn't measured isn't drawn: a picture may have no lines.
set datafile separator "\t"
set datafile missing "NaN"
set terminal pngcairo size 1700,900 font "sans,11" noenhanced
set key outside right top noenhanced
set grid
set logscale y
set ylabel "nanoseconds, median (logarithmic)"
peers = int(system("head -n 1 ".tsv." | tr '\t' '\n' | wc -l")) - 1
name(n) = system("head -n 1 ".tsv." | cut -f ".(n + 1))
rows(expression) = int(system("grep -cE '".expression."' ".tsv." || true"))
figures(n, expression) = int(system("grep -E '".expression."' ".tsv." | cut -f ".(n + 1)." | grep -vc NaN || true"))
file(expression) = "<grep -E '^".expression."[0-9]' ".tsv." | sed 's/^".expression."//'"
ours(n) = name(n)[1:4] eq "ksem"

# A colour and a sign for each, however many there are.
colors = "#1f77b4 #ff7f0e #d62728 #8b0000 #0000cd #6a5acd #2ca02c #8c564b #e377c2 #7f7f7f #bcbd22 #17becf #000000 #ff69b4 \
#006400 #daa520 #808000 #4b0082 #00a0a0 #a0a0a0 #c04000 #40c000 #0040c0 #c000c0"
do for [i=1:words(colors)] { set linetype i lc rgb word(colors, i) pt (i % 13 + 1) }

set output out."-latency.png"
set title "One operation, by scenario and semaphore; lower is better"
scenarios = "pair_1 pair_2 handover processes pipeline park park_both crowd batch create open"
set xtics () font "sans,12"
do for [i=1:words(scenarios)] { set xtics add (word(scenarios, i) i) }
do for [i=1:words(scenarios) - 1] { set arrow i from i + 0.5, graph 0 to i + 0.5, graph 1 nohead lc rgb "#d0d0d0" }
set xrange [0.5:words(scenarios) + 0.5]
place(scenario) = sum [i=1:words(scenarios)] (word(scenarios, i) eq scenario ? i : 0)
drawn = "^(pair_1|pair_2|handover|processes|pipeline|park|park_both|crowd|batch|create|open)\t"
if (rows(drawn) > 0) {
	plot for [n=1:peers] tsv skip 1 \
		using (place(strcol(1)) > 0 ? place(strcol(1)) + 0.8 * (n - peers / 2.0) / peers : NaN):(column(n + 1)) \
		with points lt n ps 1.6 lw 2 title (figures(n, drawn) > 0 ? name(n) : "")
}
unset arrow

set terminal pngcairo size 1900,1050 font "sans,11" noenhanced
set output out."-scaling.png"
set multiplot layout 1,2 title "Scaling; lower is better"
set key outside bottom center maxrows 9
set xtics autofreq
set title "post + wait, by threads on one semaphore"
set xlabel "threads"
set logscale x 2
threads = int(system("awk '/^pair_/ { sub(/pair_/, \"\", $1); if ($1 + 0 > n) n = $1 } END { print n + 0 }' ".tsv))
set xrange [0.95:(threads > 0 ? threads : 1) * 1.05]
if (rows("^pair_") > 0) {
	plot for [n=1:peers] file("pair_") using 1:(column(n + 1)) with linespoints lt n lw (ours(n) ? 4 : 1.5) \
		title (figures(n, "^pair_") > 0 ? name(n) : "")
} else { set multiplot next }
set title "post + wait on one of so many at random"
set xlabel "semaphores"
set logscale x 10
set format x "%.0f"
set xrange [80:1250000]
if (rows("^ids_random_") > 0) {
	plot for [n=1:peers] file("ids_random_") using 1:(column(n + 1)) with linespoints lt n lw (ours(n) ? 4 : 1.5) \
		title (figures(n, "^ids_random_") > 0 ? name(n) : "")
}
unset multiplot
