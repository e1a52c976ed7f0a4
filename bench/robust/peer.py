"""The other side of `npm run bench:robust`: torchattacks on the same weights and images, one line of JSON a task."""

import gzip
import json
import struct
import sys
import time

import torch
import torch.nn.functional as F
import torchattacks
from torch import nn


def read_safetensors(path):
    """Tensors by name, and the metadata."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = file.read()
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        if entry["dtype"] == "F32":
            tensors[name] = torch.frombuffer(bytearray(body[start:end]), dtype=torch.float32).reshape(entry["shape"])
    return tensors, metadata


def read_idx(path):
    with gzip.open(path, "rb") as file:
        magic = file.read(4)
        shape = struct.unpack(f">{magic[3]}I", file.read(4 * magic[3]))
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).reshape(shape)


class SmallCnn(nn.Module):
    """The network small-cnn, with the normalisation in front of it."""

    def __init__(self, classes, normalization):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(14 * 14 * 32, classes)
        self.mean, self.std = normalization["mean"][0], normalization["std"][0]

    def forward(self, x):
        x = (x - self.mean) / self.std
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.bn3(self.conv3(x)))
        return self.fc(x.flatten(1))


def load_model(path):
    tensors, metadata = read_safetensors(path)
    model = SmallCnn(10, json.loads(metadata["normalization"]))
    missing, _ = model.load_state_dict(tensors, strict=False)
    lacking = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lacking:
        raise SystemExit(f"{path} has no {lacking}")
    return model.eval().requires_grad_(False)


PARTS = ["apgd-ce", "apgd-t", "fab-t", "square"]


def attack_of(model, name, norm, epsilon, step_size, seed):
    if name == "pgd20":
        torch.manual_seed(seed)
        if norm == "L2":
            return torchattacks.PGDL2(model, eps=epsilon, alpha=step_size, steps=20)
        return torchattacks.PGD(model, eps=epsilon, alpha=step_size, steps=20)
    attack = torchattacks.AutoAttack(model, norm=norm, eps=epsilon, version="standard", seed=seed)
    # torchattacks takes 10 steps and another schedule of Square; AutoAttack's authors take these.
    for part in attack._autoattack.attacks:
        part.steps = 100
        part.rescale_schedule = False
    return attack if name == "autoattack" else attack._autoattack.attacks[PARTS.index(name)]


def main():
    models = {}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for line in sys.stdin:
        task = json.loads(line)
        model = models.setdefault(task["checkpoint"], load_model(task["checkpoint"]).to(device))
        n = task["images"]
        images = read_idx(f"{task['data']}/t10k-images-idx3-ubyte.gz")[:n, None] / 255
        labels = read_idx(f"{task['data']}/t10k-labels-idx1-ubyte.gz")[:n].long()
        attack = attack_of(
            model, task["attack"], task["norm"], task["epsilon"], task["stepSize"], task["seed"]
        )
        correct = robust = 0
        start = time.perf_counter()
        for x, y in zip(images.split(task["batch"]), labels.split(task["batch"])):
            # Only what is classified right is attacked, as AutoAttack does.
            x, y = x.to(device), y.to(device)
            right = model(x).argmax(1) == y
            correct += int(right.sum())
            x, y = x[right], y[right]
            robust += int((model(attack(x, y)).argmax(1) == y).sum())
        seconds = time.perf_counter() - start
        print(json.dumps({"correct": correct, "robust": robust, "seconds": seconds, "device": device}), flush=True)


main()
