// How a compiled module shows its kernels to the runtime: name, parameters, and a call with packed
// arguments. The loader puts this behind the text of the kernels and writes the table.
#pragma once
#include <cstddef>
#include <type_traits>
#include <utility>

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
constexpr Kind kind_of() {
  using U = std::remove_cv_t<T>;
  if (std::is_same_v<U, bool>) return Kind::BOOL;
  if (std::is_same_v<U, ::__half>) return Kind::HALF;
  if (std::is_same_v<U, ::__nv_bfloat16>) return Kind::BFLOAT16;
  if (std::is_floating_point_v<U>) return Kind::FLOAT;
  if (std::is_pointer_v<U>) return Kind::POINTER;
  if (!std::is_integral_v<U>) return Kind::OTHER;
  return std::is_signed_v<U> ? Kind::SIGNED : Kind::UNSIGNED;
}

template <class T>
constexpr int size_of() {
  if constexpr (std::is_void_v<T>) {
    return 1;
  } else {
    return sizeof(T);
  }
}

template <class T>
constexpr Parameter parameter(int offset) {
  using Target = std::remove_pointer_t<T>;
  if (!std::is_pointer_v<T>) return {kind_of<T>(), sizeof(T), offset, Kind::OTHER, 0, 0};
  return {Kind::POINTER,     sizeof(T),         offset,
          kind_of<Target>(), size_of<Target>(), std::is_const_v<Target>};
}

template <auto KERNEL>
struct EntryOf;

template <class... T, void (*KERNEL)(T...)>
struct EntryOf<KERNEL> {
  static constexpr int COUNT = sizeof...(T);

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

  template <size_t... I>
  __attribute__((no_sanitize("thread"))) static void unpack(const char* arguments,
                                                            std::index_sequence<I...>) {
    KERNEL(*reinterpret_cast<const std::remove_cv_t<T>*>(arguments + offset(I))...);
  }

  __attribute__((no_sanitize("thread"))) static void call(const char* arguments) {
    unpack(arguments, std::index_sequence_for<T...>{});
  }

  template <size_t... I>
  static Entry entry(const char* name, std::index_sequence<I...>) {
    static constexpr Parameter parameters[] = {parameter<std::remove_cv_t<T>>(offset(I))...,
                                               Parameter{}};
    return {name, &call, parameters, COUNT};
  }

  static Entry named(const char* name) { return entry(name, std::index_sequence_for<T...>{}); }
};

}  // namespace gpunn_emulator
