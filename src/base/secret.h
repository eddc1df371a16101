#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace postern {

/// A password, token or key. It cannot be printed, formatted or compared by accident, and its bytes
/// are wiped on destruction. `reveal()` marks each place that needs the plain text.
class Secret {
 public:
  Secret() = default;
  /// Takes over the plain text.
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe();
      value_ = other.value_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = std::move(other.value_);
      other.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  /// The plain text. The reference is valid as long as the object is unchanged.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  /// Octets.
  std::size_t size() const { return value_.size(); }

  /// Constant-time for values of equal length.
  bool equals(std::string_view other) const;

 private:
  void wipe() {
    if (!value_.empty()) wipe_octets();
  }
  void wipe_octets();

  std::string value_;
};

}  // namespace postern
