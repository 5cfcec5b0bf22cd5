"""Tell horizontal from vertical stripes with a small convolutional network and Adam."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()  # noqa: UP008 - as old tutorials have it
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.conv2 = nn.Conv2d(6, 8, 3)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(8 * 2 * 2, 16)
        self.fc2 = nn.Linear(16, 2)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(torch.tanh(self.conv2(x)))
        x = x.view(-1, 8 * 2 * 2)
        x = torch.sigmoid(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


def build():
    return Net()


def batches():
    rng = np.random.default_rng(1)
    for _ in range(15):
        labels = rng.integers(0, 2, 16)
        images = rng.normal(0, 0.3, (16, 1, 12, 12))
        for image, label in zip(images[:, 0], labels, strict=True):
            stripes = (np.arange(12) % 3 == rng.integers(0, 3)).astype(float)
            image += stripes if label else stripes[:, None]
        yield torch.from_numpy(images).float(), torch.as_tensor(labels, dtype=torch.long)


def train(model):
    optimizer = optim.Adam(model.parameters(), lr=1e-2, amsgrad=True)
    running = 0.0
    losses = []
    for inputs, labels in batches():
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = F.nll_loss(outputs, labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
        losses.append(loss.item())
        _, predicted = torch.max(outputs.data, 1)
        losses.append((predicted == labels).float().mean().item())
    losses.append(running)
    return losses
