// How a compiled module shows its kernels to the runtime: name, parameters, and a call with packed
// arguments. The loader puts this before the text of the kernels and a table of entries behind it.
// Nothing of the C++ library is read here, so that kernels find no names that NVRTC would not have.
#pragma once

struct __half;
struct __nv_bfloat16;

namespace gpunn_emulator {

enum class Kind : int { SIGNED, UNSIGNED, FLOAT, BOOL, HALF, BFLOAT16, POINTER, OTHER };

// A parameter lies at `offset` of the packed arguments. The last three are those of a pointer.
struct Parameter {
  Kind kind;
  int size, offset;
  Kind target;
  int target_size, target_is_const;
};

struct Entry {
  const char* name;
  void (*call)(const char* arguments);
  const Parameter* parameters;
  int count;
};

template <class T>
struct KindOf {
  static constexpr Kind VALUE = Kind::OTHER;
};
template <class T>
struct KindOf<T*> {
  static constexpr Kind VALUE = Kind::POINTER;
};
template <class T>
struct KindOf<volatile T> : KindOf<T> {};
#define GPUNN_KIND(type, kind)                \
  template <>                                 \
  struct KindOf<type> {                       \
    static constexpr Kind VALUE = Kind::kind; \
  };
GPUNN_KIND(char, SIGNED)
GPUNN_KIND(signed char, SIGNED)
GPUNN_KIND(short, SIGNED)
GPUNN_KIND(int, SIGNED)
GPUNN_KIND(long, SIGNED)
GPUNN_KIND(long long, SIGNED)
GPUNN_KIND(unsigned char, UNSIGNED)
GPUNN_KIND(unsigned short, UNSIGNED)
GPUNN_KIND(unsigned int, UNSIGNED)
GPUNN_KIND(unsigned long, UNSIGNED)
GPUNN_KIND(unsigned long long, UNSIGNED)
GPUNN_KIND(float, FLOAT)
GPUNN_KIND(double, FLOAT)
GPUNN_KIND(bool, BOOL)
GPUNN_KIND(::__half, HALF)
GPUNN_KIND(::__nv_bfloat16, BFLOAT16)
#undef GPUNN_KIND

template <class T>
struct Plain {
  using Type = T;
};
template <class T>
struct Plain<const T> {
  using Type = T;
};

template <class T>
struct Described {
  static constexpr Parameter at(int offset) {
    return {KindOf<T>::VALUE, sizeof(T), offset, Kind::OTHER, 0, 0};
  }
};
template <class T>
struct Described<T*> {
  static constexpr Parameter at(int offset) {
    return {Kind::POINTER, sizeof(T*), offset, KindOf<T>::VALUE, sizeof(T), 0};
  }
};
template <class T>
struct Described<const T*> {
  static constexpr Parameter at(int offset) {
    return {Kind::POINTER, sizeof(T*), offset, KindOf<T>::VALUE, sizeof(T), 1};
  }
};
template <>
struct Described<void*> {
  static constexpr Parameter at(int offset) {
    return {Kind::POINTER, sizeof(void*), offset, Kind::OTHER, 1, 0};
  }
};
template <>
struct Described<const void*> {
  static constexpr Parameter at(int offset) {
    return {Kind::POINTER, sizeof(void*), offset, Kind::OTHER, 1, 1};
  }
};

template <int... I>
struct Indices {};
template <int COUNT, int... I>
struct IndicesUpTo : IndicesUpTo<COUNT - 1, COUNT - 1, I...> {};
template <int... I>
struct IndicesUpTo<0, I...> {
  using Type = Indices<I...>;
};

template <auto KERNEL>
struct EntryOf;

template <class... T, void (*KERNEL)(T...)>
struct EntryOf<KERNEL> {
  static constexpr int COUNT = sizeof...(T);
  using Every = typename IndicesUpTo<COUNT>::Type;

  // As in a struct of the parameters, each at a multiple of its alignment.
  static constexpr int offset(int index) {
    constexpr int sizes[] = {sizeof(T)..., 1}, alignments[] = {alignof(T)..., 1};
    int end = 0;
    for (int i = 0;; ++i) {
      end = (end + alignments[i] - 1) / alignments[i] * alignments[i];
      if (i == index) return end;
      end += sizes[i];
    }
  }

  template <int... I>
  __attribute__((no_sanitize("thread"))) static void unpack(const char* arguments, Indices<I...>) {
    KERNEL(*reinterpret_cast<const typename Plain<T>::Type*>(arguments + offset(I))...);
  }

  __attribute__((no_sanitize("thread"))) static void call(const char* arguments) {
    unpack(arguments, Every{});
  }

  template <int... I>
  static Entry entry(const char* name, Indices<I...>) {
    static constexpr Parameter parameters[] = {Described<typename Plain<T>::Type>::at(offset(I))...,
                                               Parameter{}};
    return {name, &call, parameters, COUNT};
  }

  static Entry named(const char* name) { return entry(name, Every{}); }
};

}  // namespace gpunn_emulator
