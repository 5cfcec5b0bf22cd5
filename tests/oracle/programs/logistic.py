"""Logistic regression and a small autoencoder: binary losses, dropout switched off, indexing, masks."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 4), nn.Sigmoid(), nn.Dropout(0.0))
        self.decoder = nn.Linear(4, 6)
        self.score = nn.Linear(4, 1)

    def forward(self, x):
        code = self.encoder(x)
        return self.score(code).squeeze(1), torch.tanh(self.decoder(code))


def build():
    return Model()


def train(model):
    grid = torch.arange(60, dtype=torch.float32).reshape(10, 6)
    x = torch.cos(grid) + 0.1 * grid.flip(1).sin()
    y = (x[:, 0] * x[:, -1] > 0).float()
    optimizer = torch.optim.Adam(
        [
            {"params": model.encoder.parameters()},
            {"params": [*model.decoder.parameters(), *model.score.parameters()], "lr": 3e-3},
        ],
        lr=1e-2,
        weight_decay=1e-3,
    )
    losses = []
    for _ in range(25):
        logits, back = model(x)
        loss = F.binary_cross_entropy_with_logits(logits, y) + 0.1 * F.mse_loss(back, x)
        mask = logits.detach().sigmoid() > 0.5
        if mask.any():
            loss = loss + 0.01 * logits[mask].abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        probability = torch.sigmoid(model(x)[0])
    losses.append(F.binary_cross_entropy(probability, y).item())
    return losses
