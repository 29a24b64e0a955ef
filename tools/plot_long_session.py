#!/usr/bin/env python3
"""Draws what `measure-sessions long` prints: memory and speed along a long text.

    measure-sessions long MODEL --tokens 262144 > long.tsv
    tools/plot_long_session.py docs/long-session.svg "TITLE" NAME=long.tsv [NAME=FILE …]
"""
import sys

WIDTH, HEIGHT, LEFT, RIGHT = 720, 190, 70, 20


def panel(top, title, curves):
    """A coordinate system `HEIGHT` high, from 0 on, with curves (name, colour, tokens, values)."""
    bottom, height = top + HEIGHT - 40, HEIGHT - 70
    last = max(tokens[-1] for _, _, tokens, _ in curves)
    most = 1.1 * max(max(values) for _, _, _, values in curves)

    def x(value):
        return LEFT + value / last * (WIDTH - LEFT - RIGHT)

    def y(value):
        return bottom - value / most * height
    parts = [f'<text x="{LEFT}" y="{top + 16}" font-size="14">{title}</text>']
    for step in range(5):
        value = most * step / 4
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
        value = last * step / 4
        parts.append(f'<text x="{x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{value:,.0f}</text>')
    for index, (name, colour, tokens, values) in enumerate(curves):
        points = " ".join(f"{x(token):.1f},{y(value):.1f}" for token, value in zip(tokens, values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<text x="{WIDTH - RIGHT - 170 * (len(curves) - 1 - index)}" y="{top + 16}" text-anchor="end" fill="{colour}">'
                     f'{name}</text>')
    return parts


COLOURS = ["#b03030", "#3060b0", "#308040"]


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__.strip())
    target, title, *sources = sys.argv[1:]
    memory, speed = [], []
    for source, colour in zip(sources, COLOURS):
        name, _, path = source.partition("=")
        with open(path) as lines:
            header, *rows = [line.split("\t") for line in lines.read().splitlines()]
        column = {name: [float(row[index]) for row in rows] for index, name in enumerate(header)}
        tokens = column["tokens"]
        memory.append((name, colour, tokens, [value / 2**20 for value in column["peak_resident_bytes"]]))
        speed.append((name, colour, tokens, column["tokens_per_second"]))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {2 * HEIGHT + 30}" font-family="sans-serif" font-size="12">',
             f'<rect width="100%" height="100%" fill="#fff"/><text x="{LEFT}" y="20" font-size="15">{title}</text>']
    parts += panel(30, "Peak resident set of the process, MiB", memory)
    parts += panel(30 + HEIGHT, "Tokens a second, by parts of the text", speed)
    with open(target, "w") as file:
        file.write("\n".join(parts + ["</svg>"]) + "\n")


if __name__ == "__main__":
    main()
