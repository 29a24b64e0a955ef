"""Files that `jamba convert` makes of a checkpoint, their divergence from the same model in bf16, and its plot: for the tools here."""
import json
import math
import os
import subprocess
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*command, **options):
    """The standard output of a program."""
    print("+", *command[:6], file=sys.stderr, flush=True)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def built_program():
    """The program of this tree."""
    run("swift", "build", "-c", "release", "--product", "jamba", cwd=REPOSITORY)
    return f"{REPOSITORY}/.build/release/jamba"


def without_separators(text, work):
    """A copy of a text without its lines <|endoftext|>, which llama.cpp takes for text."""
    path = f"{work}/{os.path.basename(text)}"
    with open(text, encoding="utf-8") as source, open(path, "w", encoding="utf-8") as file:
        file.writelines(line for line in source if line.strip() != "<|endoftext|>")
    return path


class Files:
    """Kinds of files of one checkpoint, in a work folder; those that exist are not made again."""

    def __init__(self, program, checkpoint, work, calibration, kinds, reference_type="bf16"):
        """kinds: by name, the arguments of `jamba convert`; ones with a last "--importance" get moments of `calibration`,
        which a number before it cuts into blocks of other sizes than the usual 128."""
        self.program, self.checkpoint, self.work, self.calibration, self.kinds = program, checkpoint, work, calibration, kinds
        self.reference = self._converted(reference_type, ["--type", reference_type])

    def path(self, kind):
        return self._converted(kind, self.kinds[kind])

    def _converted(self, kind, arguments):
        path = f"{self.work}/{kind.replace(' ', '-').replace(',', '')}.jamba"
        if not os.path.exists(path):
            if arguments[-1] == "--importance":
                block = [arguments[-2]] if arguments[-2].isdigit() else []
                arguments = arguments[:-1 - len(block)] + ["--importance", self._moments(*block)]
            packing = [] if "zstd" in arguments or "--bits-on-disk" in arguments else ["--pack", "raw"]
            run(self.program, "convert", self.checkpoint, path, *packing, *arguments)
        return path

    def _moments(self, block="128"):
        path = f"{self.work}/moments-{block}.safetensors"
        if not os.path.exists(path):
            run(self.program, "calibrate", self.reference, self.calibration, "--block", block, "-o", path)
        return path

    def divergence(self, kind, text, context, skip, windows):
        """Figures of `jamba perplexity` and `jamba inspect`: bits a weight in memory and in the file, perplexity, and the
        divergence's mean, half of its 95 % interval, and its tails."""
        path = self.path(kind)
        report = json.loads(run(
            self.program, "perplexity", path, text, "--reference", self.reference, "--context", str(context), "--skip", str(skip),
            "--windows", str(windows), "--json"))
        info = json.loads(run(self.program, "inspect", path, "--json"))
        is_packed = any(tensor["packing"] == "zstd" for tensor in info["tensors"])
        return dict(bits=info["bits_per_weight"], disk=info["bits_on_disk"] if is_packed else info["bits_per_weight"],
                    bytes=info["file_bytes"], perplexity=report["perplexity"], kl=report["mean_kl"], error=report["mean_kl_error"],
                    kl99=report["kl_99"], kl999=report["kl_999"], largest=report["max_kl"], top=report["top1_agreement"])


HEADER = ("| | bits a weight | in the file | mean KL divergence | 99 % | 99.9 % | largest | same first choice | perplexity |\n"
          "|---|---|---|---|---|---|---|---|---|")


def line(name, row):
    return (f"| {name} | {row['bits']:.2f} | {row['disk']:.2f} | {row['kl']:.6f} ± {row['error']:.6f} | {row['kl99']:.4f} | "
            f"{row['kl999']:.3f} | {row['largest']:.3f} | {100 * row['top']:.1f} % | {row['perplexity']:.3f} |")


def plot(rows, path, title):
    """Draws divergence on a logarithmic axis over bits. rows: (name, figures), names as `jamba int4, calibrated`."""
    width, height, left, top, right, bottom = 720, 440, 70, 36, 20, 48
    bits = [row["disk"] for _, row in rows]
    low, high = math.floor(min(bits)), math.ceil(max(bits))
    least = math.floor(math.log10(min(row["kl"] for _, row in rows)) * 2) / 2
    most = math.ceil(math.log10(max(row["kl"] for _, row in rows)) * 2) / 2

    def x(value):
        return left + (value - low) / (high - low) * (width - left - right)

    def y(value):
        return top + (most - math.log10(value)) / (most - least) * (height - top - bottom)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="#fff"/><text x="{left}" y="20" font-size="14">{title}</text>']
    for value in range(low, high + 1):
        parts.append(f'<path d="M{x(value):.1f} {top}V{height - bottom}" stroke="#ddd"/>'
                     f'<text x="{x(value):.1f}" y="{height - bottom + 16}" text-anchor="middle">{value}</text>')
    for exponent in range(math.floor(least), math.ceil(most) + 1):
        for factor in (1, 2, 5):
            value = factor * 10.0 ** exponent
            if least <= math.log10(value) <= most:
                parts.append(f'<path d="M{left} {y(value):.1f}H{width - right}" stroke="#ddd"/>'
                             f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    parts.append(f'<text x="{(left + width - right) / 2}" y="{height - 10}" text-anchor="middle">bits per weight, in the file</text>'
                 f'<text transform="translate(14 {(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">mean KL divergence, nats</text>')
    colours = {(True, True): "#c0392b", (True, False): "#e08e0b", (False, True): "#2c5f9e", (False, False): "#8fb3d9"}
    shown = set()
    for name, row in rows:
        ours, calibrated = not name.startswith("llama.cpp"), "calibrated" in name
        shown.add((ours, calibrated))
        label = name.replace("jamba ", "").replace("llama.cpp ", "").replace("int4 ", "").replace("--", "").replace(", calibrated", "")
        parts.append(f'<circle cx="{x(row["disk"]):.1f}" cy="{y(row["kl"]):.1f}" r="4" fill="{colours[ours, calibrated]}"/>'
                     f'<text x="{x(row["disk"]) + 7:.1f}" y="{y(row["kl"]) + (12 if ours else -3):.1f}" '
                     f'fill="{colours[ours, calibrated]}">{label}</text>')
    for index, kind in enumerate(kind for kind in colours if kind in shown):
        name = ("jamba" if kind[0] else "llama.cpp") + (", calibrated" if kind[1] else "")
        parts.append(f'<circle cx="{width - 150}" cy="{top + 14 + 18 * index}" r="4" fill="{colours[kind]}"/>'
                     f'<text x="{width - 140}" y="{top + 18 + 18 * index}">{name}</text>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts + ["</svg>"]) + "\n")
