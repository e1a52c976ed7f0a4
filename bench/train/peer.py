"""Steps of the same networks in PyTorch, timed: one JSON line per call on standard input.

Reads lines {"what": "train"|"forward"|"pgd", "model": ..., "method": ..., "layout": ..., "compile": bool, "batch": n, "shape": [h, w, c],
"steps": n}, answers each with {"milliseconds": [...]}; or {"error": "..."}.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Sequential()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, channels, blocks, widths):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        layers, inside = [], widths[0]
        for stage, width in enumerate(widths):
            for i in range(blocks):
                layers.append(Block(inside, width, 2 if stage > 0 and i == 0 else 1))
                inside = width
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(inside, 10)

    def forward(self, x):
        out = self.layers(F.relu(self.bn1(self.conv1(x))))
        return self.linear(out.mean((2, 3)))


class SmallCnn(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = nn.Conv2d(16, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32)
        self.conv3, self.bn3 = nn.Conv2d(32, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32)
        self.fc = nn.Linear((size // 2) ** 2 * 32, 10)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.max_pool2d(F.relu(self.bn2(self.conv2(out))), 2)
        return self.fc(F.relu(self.bn3(self.conv3(out))).flatten(1))


def network(name, shape):
    height, _, channels = shape
    if name == "small-cnn":
        return SmallCnn(channels, height)
    if name == "resnet20":
        return ResNet(channels, 3, [16, 32, 64])
    return ResNet(channels, 2, [64, 128, 256, 512])


def prepare(task):
    torch.manual_seed(0)
    layout = torch.channels_last if task["layout"] == "channels_last" else torch.contiguous_format
    height, width, channels = task["shape"]
    n = task["batch"]
    model = network(task["model"], task["shape"]).to(memory_format=layout)
    images = torch.rand(n, channels, height, width).contiguous(memory_format=layout)
    labels = torch.randint(0, 10, (n,))
    run = torch.compile(model) if task.get("compile") else model
    if task["what"] == "forward":
        model.eval()

        def forward():
            with torch.no_grad():
                run(images)

        return forward
    if task["what"] == "pgd":
        model.eval()

        def pgd():
            x = images + torch.empty_like(images).uniform_(-0.031, 0.031)
            for _ in range(20):
                x = x.detach().requires_grad_()
                gradient = torch.autograd.grad(F.cross_entropy(run(x), labels), x)[0]
                x = x.detach() + 0.003 * gradient.sign()
                x = torch.min(torch.max(x, images - 0.031), images + 0.031).clamp(0, 1)

        return pgd
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    model.train()
    soft = F.one_hot(labels, 10).float()

    def train():
        logits = run(images)
        if task["method"] == "sat":
            # The authors' losses/loss.py in its own operations.
            probabilities = F.softmax(logits.detach(), dim=1)
            soft.mul_(0.9).add_(probabilities, alpha=0.1)
            weights = soft.max(1).values
            weights = weights * n / weights.sum()
            loss = (torch.sum(F.log_softmax(logits, dim=1) * -soft, dim=1) * weights).mean()
        else:
            loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return train


def main():
    prepared = {}
    for line in sys.stdin:
        task = json.loads(line)
        try:
            key = json.dumps({k: v for k, v in task.items() if k != "steps"}, sort_keys=True)
            if key not in prepared:
                prepared[key] = prepare(task)
                for _ in range(3):
                    prepared[key]()
            times = []
            for _ in range(task["steps"]):
                start = time.perf_counter()
                prepared[key]()
                times.append((time.perf_counter() - start) * 1000)
            answer = {"milliseconds": times}
        except Exception as error:  # Whatever it is, the other side reports it and goes on.
            answer = {"error": f"{type(error).__name__}: {error}"}
        answer["peak_bytes"] = peak()
        print(json.dumps(answer), flush=True)


def peak():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


main()
