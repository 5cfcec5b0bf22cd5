// What the compiler calls in check mode where the program has no meaning in C++:
// -fsanitize=bounds,alignment,null and integer-divide-by-zero. The sanitizer's own library is not
// linked; these are its functions.
#include "checker.h"

namespace gpunn_emulator {

namespace {

// As the compiler lays them out.
struct SourceLocation {
  const char* file;
  uint32_t line, column;
};

struct TypeDescriptor {
  uint16_t kind, info;
  char name[1];
};

struct BoundsData {
  SourceLocation location;
  const TypeDescriptor *array, *index;
};

struct AddressData {
  SourceLocation location;
  const TypeDescriptor* type;
  unsigned char log_alignment, kind;
};

struct DivisionData {
  SourceLocation location;
  const TypeDescriptor* type;
};

Place place_of(const SourceLocation& location) {
  return {location.file, static_cast<int>(location.line)};
}

[[noreturn]] void end_launch(const char* kind, const std::string& variable, Place place,
                             const std::string& what) {
  add_report(current_thread(), kind, variable, name_of(place), what);
  abandon();
}

}  // namespace

void confirm_suspicion(const std::string& variable) {
  const Suspicion suspicion = current_worker->suspicion;
  current_worker->suspicion = {};
  end_launch("out of bounds", variable, suspicion.place,
             format("index %ld of an array of type %s", suspicion.index, suspicion.what));
}

}  // namespace gpunn_emulator

using namespace gpunn_emulator;

#pragma GCC visibility push(default)
extern "C" {

// The access that follows tells which variable it is.
void __ubsan_handle_out_of_bounds(const BoundsData* data, size_t index) {
  current_worker->suspicion = {data->array->name, static_cast<long>(index),
                               place_of(data->location)};
}

void __ubsan_handle_type_mismatch_v1(const AddressData* data, size_t address) {
  const void* pointer = reinterpret_cast<const void*>(address);
  const Place place = place_of(data->location);
  if (pointer == nullptr) {
    end_launch("out of bounds", "", place, format("a null pointer to %s", data->type->name));
  }
  end_launch("misaligned", current_thread().owner->checker->variable_at(pointer), place,
             format("an address that is no multiple of %u for type %s", 1u << data->log_alignment,
                    data->type->name));
}

void __ubsan_handle_divrem_overflow(const DivisionData* data, size_t, size_t) {
  end_launch("division by zero", "", place_of(data->location),
             format("integer division by zero (or of the least %s by -1)", data->type->name));
}

}  // extern "C"
#pragma GCC visibility pop
