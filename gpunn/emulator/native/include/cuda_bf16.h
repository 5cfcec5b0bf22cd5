// Everything is in cuda_emulator.h.
#pragma once
