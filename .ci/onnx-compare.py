"""Imports the models that onnx-export.py wrote with morgana, runs the programs on the same inputs and compares the
outputs with PyTorch's. Exit code 1 where one differs by more than 1e-4 of the largest value.

    onnx-compare.py FOLDER
"""
import json
import pathlib
import struct
import subprocess
import sys

import numpy

folder = pathlib.Path(sys.argv[1])


def morgana(*args):
    done = subprocess.run(["morgana", "-q", *args], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"morgana {' '.join(args)}: exit code {done.returncode}\n{done.stderr}")


def weights(file):
    with open(folder / file, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    return sorted(header)


def compare(case, inputs, outputs, sizes):
    program, file = f"{case}.ug", f"{case}.safetensors"
    morgana("import", "onnx", f"{case}.onnx", "-o", program, "--weights", file)
    args = [f"--input={name}={file}#{name}" for name in weights(file)]
    args += [f"--input={i}" for i in inputs] + [f"--dim={s}" for s in sizes]
    want = dict(o.split("=") for o in outputs)
    morgana("run", program, "--plain", *args, *(f"--output={name}={case}.{name}.got.npy" for name in want))
    worst = 0.0
    for name, f in want.items():
        a, b = numpy.load(folder / f), numpy.load(folder / f"{case}.{name}.got.npy")
        if a.shape != b.shape or a.dtype != b.dtype:
            raise RuntimeError(f"{case}: {name} is {b.dtype}{b.shape}, PyTorch's {a.dtype}{a.shape}")
        worst = max(worst, float(numpy.abs(a.astype("f8") - b.astype("f8")).max() / max(numpy.abs(a).max(), 1e-30)))
    print(f"{case}: largest difference {worst:.1e} of the largest value")
    return worst < 1e-4


failed = []
cases = (folder / "cases.txt").read_text().splitlines()
for line in cases:
    case, inputs, outputs, *sizes = line.split(" ")
    try:
        good = compare(case, inputs.split(","), outputs.split(","), sizes)
    except RuntimeError as e:
        print(e)
        good = False
    if not good:
        failed.append(case)
print(f"{len(cases) - len(failed)} of {len(cases)} models agree with PyTorch", *failed)
sys.exit(1 if failed or not cases else 0)
