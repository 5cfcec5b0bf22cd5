// Imitates cuBLASLt for tests/test_blas.py: functions with the types that cublasLt.h gives them,
// each of which notes what has reached it. Enumerations are ints there; handles and descriptors are
// pointers.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {  // cublasLtMatmulHeuristicResult_t
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
static char notes[1 << 16];
static long made = 0;

template <typename... Parts>
static void note(const char* format, Parts... parts) {
  const size_t used = std::strlen(notes);
  std::snprintf(notes + used, sizeof(notes) - used, format, parts...);
}

static int make(void** target) {
  *target = reinterpret_cast<void*>(0x7f0000000000 + ++made);  // more than 32 bits
  return 0;
}

static int set(const char* name, void* object, int attribute, const void* value, size_t size) {
  int64_t number = 0;
  std::memcpy(&number, value, size);
  note("%s %p %d %lld %zu\n", name, object, attribute, static_cast<long long>(number), size);
  return 0;
}

extern "C" {
const char* imitation_notes() { return notes; }
size_t imitation_size() { return sizeof(Heuristic); }

int cublasLtCreate(void** handle) { return make(handle); }
int cublasLtMatmulDescCreate(void** description, int compute, int scale) {
  note("description %d %d\n", compute, scale);
  return make(description);
}
int cublasLtMatmulDescSetAttribute(void* description, int attribute, const void* value,
                                   size_t size) {
  return set("description", description, attribute, value, size);
}
int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns,
                               int64_t pitch) {
  note("layout %d %llu %llu %lld\n", type, static_cast<unsigned long long>(rows),
       static_cast<unsigned long long>(columns), static_cast<long long>(pitch));
  return make(layout);
}
int cublasLtMatrixLayoutSetAttribute(void* layout, int attribute, const void* value, size_t size) {
  return set("layout", layout, attribute, value, size);
}
int cublasLtMatmulPreferenceCreate(void** preference) { return make(preference); }
int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value,
                                         size_t size) {
  return set("preference", preference, attribute, value, size);
}
int cublasLtMatmulPreferenceDestroy(void* preference) {
  note("destroy %p\n", preference);
  return 0;
}
int cublasLtMatmulAlgoGetHeuristic(void* handle, void* description, void* a, void* b, void* c,
                                   void* d, void* preference, int wanted, Heuristic* results,
                                   int* count) {
  note("heuristic %p %p %p %p %p %p %p %d\n", handle, description, a, b, c, d, preference, wanted);
  *results = Heuristic{
      {{1, 0, 3, 4, 5, 6, 7, 0xfedcba9876543210}}, size_t(1) << 20, 0, 0.5f, {0, 0, 0, 0}};
  *count = 1;
  return 0;
}
int cublasLtMatmul(void* handle, void* description, const void* alpha, const void* a, void* of_a,
                   const void* b, void* of_b, const void* beta, const void* c, void* of_c, void* d,
                   void* of_d, const Algorithm* algorithm, void* workspace, size_t size,
                   void* stream) {
  float factors[2];
  std::memcpy(&factors[0], alpha, 4);
  std::memcpy(&factors[1], beta, 4);
  note("matmul %p %p %g %p %p %p %p %g %p %p %p %p ", handle, description, factors[0], a, of_a, b,
       of_b, factors[1], c, of_c, d, of_d);
  for (uint64_t word : algorithm->data) note("%llx,", static_cast<unsigned long long>(word));
  note(" %p %zu %p\n", workspace, size, stream);
  return 0;
}
}
