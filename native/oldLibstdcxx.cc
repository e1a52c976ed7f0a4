// GCC 11 and newer call this function of libstdc++ 3.4.29 from every std::vector. Defined here, the binding loads
// wherever TensorFlow itself does, which asks for libstdc++ 3.4.22 and glibc 2.27.
#include <new>

namespace std {
__attribute__((visibility("hidden"), noreturn)) void __throw_bad_array_new_length() { throw bad_array_new_length(); }
}  // namespace std
