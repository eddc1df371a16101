// Ownership of objects that C libraries make.
#pragma once

#include <memory>

namespace postern {

/// Calls `release` with the pointer.
template <auto release>
struct Releasing {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

/// A pointer to an object of a C library, which `release` frees: Owned<X509, X509_free>.
template <class T, auto release>
using Owned = std::unique_ptr<T, Releasing<release>>;

}  // namespace postern
