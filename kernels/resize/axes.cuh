// Five axes of an array that gets another size along some of them, and where an element lies.
#pragma once
#include "pool/windows.cuh"

// Place o of the new axis lies at place o - before of the old one, which may be outside of it.
struct Edge {
  int size, out, before;
};

enum Beyond { CONSTANT, REFLECT, REPLICATE, CIRCULAR };

// Which place of the old axis place `o` of the new one shows; -1: none.
__device__ __forceinline__ int shown_at(const Edge& axis, int mode, int o) {
  const int place = o - axis.before, last = axis.size - 1;
  if (place >= 0 && place <= last) return place;
  if (mode == REFLECT) return place < 0 ? -place : 2 * last - place;
  if (mode == REPLICATE) return place < 0 ? 0 : last;
  if (mode == CIRCULAR) return place < 0 ? place + axis.size : place - axis.size;
  return -1;
}

// The places of the new axis that show place i of the old one: at most three, or for REPLICATE all
// of [first, first + count).
struct Showing {
  int at[3], count;
};

__device__ __forceinline__ Showing places_showing(const Edge& axis, int mode, int i) {
  const int place = i + axis.before, last = axis.size - 1;
  if (mode == REPLICATE) {
    const int first = i == 0 ? 0 : place, end = i == last ? axis.out : place + 1;
    const int start = first < 0 ? 0 : first, stop = end < axis.out ? end : axis.out;
    return {{start, 0, 0}, stop > start ? stop - start : 0};
  }
  int lower = -1, upper = -1;
  if (mode == REFLECT) {
    lower = i > 0 ? axis.before - i : -1;
    upper = i < last ? axis.before + 2 * last - i : -1;
  } else if (mode == CIRCULAR) {
    lower = place - axis.size;
    upper = place + axis.size;
  }
  return {{lower, place, upper}, 3};
}

// Place number k of `showing`, or -1 if the new axis has no such place.
__device__ __forceinline__ int showing_at(const Edge& axis, int mode, const Showing& showing,
                                          int k) {
  if (mode == REPLICATE) return showing.at[0] + k;
  const int place = k == 0 ? showing.at[0] : k == 1 ? showing.at[1] : showing.at[2];
  return place < axis.out ? place : -1;
}
