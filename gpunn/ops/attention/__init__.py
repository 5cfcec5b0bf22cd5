"""Attention: softmax(q kᵀ · scale + mask) v, never with the whole matrix of scores in memory; and with many heads."""
