#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Draws what ksem-compare --json wrote, for people.

    bench/compare/draw.py [--all] FOLDER     reads FOLDER/compare.json

Leaves in FOLDER, as far as the figures are there:
    compare-ratios.png     each scenario: the ratio to glibc's sem_t, with quartiles
    compare-ids.png        post + wait on one of so many semaphores
    compare-waits.png      how long the hand-overs and wake-ups took, from the fastest to the slowest
    compare-scaling.png    post + wait by threads, where there are more than two processors

Shown are three ways to use ksem, four other semaphores, and floors; --all: every semaphore that was measured. ksem is
blue. A floor is the same work without a semaphore.
"""
import argparse
import json
import os
import subprocess
import time

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot, ticker  # noqa: E402: the output is chosen before

GLIBC = "glibc sem_t"
USUAL = ["ksem, pinned", "ksem, by id", "ksem, shared", GLIBC, "musl sem_t", "std::counting_semaphore (libc++)",
         "SysV semop"]
BLUES = ["#08306b", "#2171b5", "#6baed6", "#0b559f", "#4292c6", "#9ecae1"]
OTHERS = ["#d95f02", "#1b9e77", "#7a7a7a", "#e7298a", "#a6761d", "#66a61e", "#e6ab02", "#a65628", "#8c6bb1", "#3f3f3f"]
SIGNS = "osD^vP*Xph<>"

# In the order of the picture; what ksem-compare calls them.
SCENARIOS = {
    "pair_1": "post + wait,\none thread",
    "pair_2": "post + wait,\ntwo threads on one",
    "ids_random_1000": "post + wait,\n1,000 at random",
    "handover": "hand-over between\ntwo threads",
    "processes": "hand-over between\ntwo processes",
    "pipeline": "producer and\nconsumer",
    "crowd": "eight threads on\ntwo permits",
    "batch": "a post wakes\neight waiters",
    "park": "a post wakes\na sleeper",
    "create": "create + destroy",
    "open": "open + close\na name",
    "open_held": "the same, the name\nis open already",
}
WAITS = {"handover_each": "hand-over between two threads", "park": "a post wakes a sleeper",
         "park_both": "the same, and back"}


class Figures:
    def __init__(self, folder, everyone):
        with open(os.path.join(folder, "compare.json"), encoding="utf-8") as file:
            self.all = json.load(file)
        self.folder = folder
        self.of = {(result["scenario"], result["peer"]): result for result in self.all["results"]}
        measured = list(dict.fromkeys(result["peer"] for result in self.all["results"]))
        self.peers = [peer for peer in measured if everyone or peer in USUAL or is_floor(peer)]
        self.peers.sort(key=lambda peer: (is_floor(peer), not is_ours(peer)))
        self.styles = styles(self.peers)

    def save(self, figure, name, title):
        figure.suptitle(title, x=0.01, ha="left", fontsize=13)
        figure.text(0.01, 0.005, self.origin(), fontsize=7, color="#555555")
        figure.savefig(os.path.join(self.folder, f"compare-{name}.png"), dpi=130, bbox_inches="tight")
        pyplot.close(figure)

    def origin(self):
        """On which machine, when, of which commit."""
        processor = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                          if line.startswith("model name")), "unknown processor")
        commit = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always",
                                 "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(os.path.getmtime(
            os.path.join(self.folder, "compare.json"))))
        others = max((scenario["others"] for scenario in self.all["scenarios"]), default=0)
        busy = f"; others had up to {others:.0%} of the processors" if others > 0.1 else ""
        return (f"{processor}, {self.all['processors']} processors, Linux {self.all['kernel']}; {when}"
                f"{'; commit ' + commit if commit else ''}{busy}")


def is_ours(peer):
    return peer.startswith("ksem")


def is_floor(peer):
    return peer.startswith("floor")


def styles(peers):
    """A colour and a sign each: those of ksem in one hue, floors hollow."""
    blues, others, all_styles = iter(BLUES), iter(OTHERS * 2), {}
    for place, peer in enumerate(peers):
        if is_floor(peer):
            all_styles[peer] = {"color": "#999999", "marker": SIGNS[place % len(SIGNS)], "mfc": "none", "ls": ":"}
        else:
            all_styles[peer] = {"color": next(blues if is_ours(peer) else others),
                                "marker": SIGNS[place % len(SIGNS)], "lw": 2.2 if is_ours(peer) else 1.2}
    return all_styles


def plain(value, _):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def label_under(figure, axes):
    """One legend for all axes, to the right."""
    entries = {}
    for one in axes:
        entries.update(dict(zip(*reversed(one.get_legend_handles_labels()))))
    figure.legend(entries.values(), entries.keys(), loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9,
                  frameon=False)


def draw_ratios(figures):
    shown = [name for name in SCENARIOS if (name, GLIBC) in figures.of]
    if not shown:
        return
    figure, axis = pyplot.subplots(figsize=(12, 6.5))
    step = 0.8 / len(figures.peers)
    for number, peer in enumerate(figures.peers):
        places, medians, low, high = [], [], [], []
        for row, name in enumerate(shown):
            result = figures.of.get((name, peer))
            if not result:
                continue
            glibc = figures.of[name, GLIBC]["median"]
            places.append(row - 0.4 + step * (number + 0.5))
            medians.append(result["median"] / glibc)
            low.append(max(0, (result["median"] - result["quartiles"][0]) / glibc))
            high.append(max(0, (result["quartiles"][1] - result["median"]) / glibc))
        style = {key: value for key, value in figures.styles[peer].items() if key not in ("lw", "ls")}
        axis.errorbar(places, medians, yerr=[low, high], label=peer, ls="none", elinewidth=1.2, capsize=2,
                      ms=6, **style)
    for row in range(1, len(shown)):
        axis.axvline(row - 0.5, color="#e0e0e0", lw=0.8)
    axis.axhline(1, color="#999999", lw=0.8)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(ticker.FuncFormatter(plain))
    axis.set_xticks(range(len(shown)), [SCENARIOS[name] for name in shown], fontsize=8, rotation=45, ha="right")
    axis.set_xlim(-0.5, len(shown) - 0.5)
    axis.set_ylabel("time / glibc's time (logarithmic)")
    axis.grid(axis="y", color="#eeeeee")
    label_under(figure, [axis])
    figure.tight_layout(rect=(0, 0.02, 1, 0.96))
    figures.save(figure, "ratios", "Time an operation, divided by that of glibc's sem_t: lower is better. "
                 "Median and quartiles of the rounds.")


def series(figures, prefix, peer):
    """(number, median) of the scenarios that are called so, and then a number."""
    points = [(int(name[len(prefix):]), result["median"]) for (name, of), result in figures.of.items()
              if of == peer and name.startswith(prefix) and name[len(prefix):].isdigit()]
    return sorted(points)


def draw_lines(figures, name, title, panels, unit):
    """panels: what the axis counts, its heading, and the prefix of its scenarios."""
    figure, axes = pyplot.subplots(1, len(panels), figsize=(6 * len(panels), 5), sharey=True, squeeze=False)
    for axis, (counts, heading, prefix) in zip(axes[0], panels):
        for peer in figures.peers:
            points = series(figures, prefix, peer)
            if len(points) > 1:
                axis.plot(*zip(*points), label=peer, ms=5, **figures.styles[peer])
        axis.set(xscale="log", yscale="log", title=heading, xlabel=counts)
        axis.xaxis.set_major_formatter(ticker.FuncFormatter(plain))
        axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(ticker.FuncFormatter(plain))
        axis.yaxis.set_minor_formatter(ticker.NullFormatter())
        axis.grid(color="#eeeeee")
    drawn = any(axis.lines for axis in axes[0])
    if drawn:
        axes[0][0].set_ylabel(unit)
        label_under(figure, axes[0])
        figure.tight_layout(rect=(0, 0.02, 1, 0.95))
        figures.save(figure, name, title)
    pyplot.close(figure)


def draw_waits(figures):
    shown = [name for name in WAITS if any("shares" in result for (of, _), result in figures.of.items() if of == name)]
    if not shown:
        return
    figure, axes = pyplot.subplots(1, len(shown), figsize=(5.5 * len(shown), 5), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], shown):
        for peer in figures.peers:
            shares = figures.of.get((name, peer), {}).get("shares")
            if shares:
                nines = [1 / (1 - share) for share, _ in shares]
                axis.plot(nines, [ns for _, ns in shares], label=peer, ms=4, **figures.styles[peer])
        axis.set(xscale="log", yscale="log", title=WAITS[name], xlabel="share of the operations that took at most that")
        axis.set_xticks([1 / (1 - share) for share in (0.5, 0.9, 0.99, 0.999)],
                        ["50 %", "90 %", "99 %", "99.9 %"])
        axis.xaxis.set_minor_locator(ticker.NullLocator())
        axis.yaxis.set_major_formatter(ticker.FuncFormatter(plain))
        axis.grid(color="#eeeeee")
    axes[0][0].set_ylabel("ns (logarithmic)")
    label_under(figure, axes[0])
    figure.tight_layout(rect=(0, 0.02, 1, 0.95))
    figures.save(figure, "waits", "How long a single operation takes: the slow ones are to the right. Lower is better.")


def main():
    parser = argparse.ArgumentParser(usage="draw.py [--all] FOLDER")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("folder")
    arguments = parser.parse_args()
    figures = Figures(arguments.folder, arguments.all)
    draw_ratios(figures)
    draw_lines(figures, "ids", "post + wait on one of so many semaphores: lower is better",
               [("semaphores", "always the same one", "ids_same_"), ("semaphores", "one at random", "ids_random_")],
               "ns a pair, median (logarithmic)")
    draw_waits(figures)
    if figures.all["processors"] > 2:
        draw_lines(figures, "scaling", "post + wait by threads: lower is better",
                   [("threads", "all on one semaphore", "pair_")], "ns a pair, median (logarithmic)")


main()
