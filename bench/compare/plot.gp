# SPDX-License-Identifier: BSD-2-Clause
# Draws what ksem-compare --tsv wrote:
#   gnuplot -e "tsv='compare.tsv'; out='compare'" plot.gp
# makes out-latency.png, a point for each scenario and peer, and out-scaling.png, over threads and over ids.
set datafile separator "\t"
set terminal pngcairo size 1700,900 font "sans,11" noenhanced
set key outside right top noenhanced
set grid
set logscale y
set ylabel "nanoseconds, median (logarithmic)"
peers = int(system("head -n 1 ".tsv." | tr '\t' '\n' | wc -l")) - 1
name(n) = system("head -n 1 ".tsv." | cut -f ".(n + 1))
file(expression) = "<grep -E '".expression."' ".tsv

set output out."-latency.png"
set title "One operation, by scenario and semaphore; lower is better"
scenarios = "pair_1 pair_2 handover processes pipeline park crowd batch create open"
set xtics () font "sans,12"
do for [i=1:words(scenarios)] { set xtics add (word(scenarios, i) i) }
set xrange [0.4:words(scenarios) + 0.6]
place(scenario) = sum [i=1:words(scenarios)] (word(scenarios, i) eq scenario ? i : 0)
plot for [n=1:peers] tsv skip 1 \
	using (place(strcol(1)) > 0 ? place(strcol(1)) + 0.7 * (n - peers / 2.0) / peers : NaN):(column(n + 1)) \
	with points pt (n % 13 + 1) ps 1.6 lw 2 title name(n)

set terminal pngcairo size 1900,1000 font "sans,11" noenhanced
set output out."-scaling.png"
set multiplot layout 1,2 title "Scaling; lower is better"
set key outside bottom center maxrows 9
set xtics autofreq
set title "post + wait, by threads on one semaphore"
set xlabel "threads"
set logscale x 2
set xrange [*:*]
set offsets 0, 0, 0, 0
plot for [n=1:peers] file("^pair_")." | sed 's/^pair_//'" using 1:(column(n + 1)) with linespoints lw 2 title name(n)
set title "post + wait on one of so many at random"
set xlabel "semaphores"
set logscale x 10
set format x "%.0f"
plot for [n=1:peers] file("^ids_random_")." | sed 's/^ids_random_//'" \
	using 1:(column(n + 1)) with linespoints lw 2 title name(n)
unset multiplot
