// Long lines in pieces, so that many teams share one line.
#pragma once
#include "lines.cuh"

// An array (outer, length, inner) has outer * inner lines, each in pieces of `piece` numbers, the
// last one shorter. Piece k of line (o, i) has the number (o * pieces + k) * inner + i.
struct Pieces {
  long long length, inner, piece;

  __device__ __forceinline__ long long count() const { return (length + piece - 1) / piece; }
  // The line, o * inner + i, of a piece.
  __device__ __forceinline__ long long line(long long number) const {
    return number / inner / count() * inner + number % inner;
  }
  // A piece as a line in memory; without numbers if its number is -1.
  template <class X>
  __device__ __forceinline__ Line<X> at(X* base, long long number) const {
    if (number < 0) return Line<X>(base, -1, 0, inner);
    const long long first = number / inner % count() * piece;
    Line<X> found(base, line(number), length, inner);
    found.start += first * inner;
    found.length = piece < length - first ? piece : length - first;
    return found;
  }
};
