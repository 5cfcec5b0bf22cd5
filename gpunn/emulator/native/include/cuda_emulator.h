// CUDA C++ as g++ compiles it: read before every kernel text, whose lines stay as they are.
// runtime.h says what the runtime offers; it and nothing of the C++ library is read here, so that a
// kernel finds no names that NVRTC would not have.
#pragma once
#include "atomics.h"
#include "tensor_core.h"
#include "warp.h"
