// Errors of a request body: one sentence for each invalid field.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace postern::dialect::webhook {

/// Errors by field. They contain no secrets: passwords and hashes are never quoted.
struct FieldErrors {
  enum class Kind {
    validation_failed,  ///< 422
    missing_field,      ///< 400: a required field is absent (whatever other errors there are)
  };

  Kind kind = Kind::validation_failed;                      ///< status of the response
  std::vector<std::pair<std::string, std::string>> fields;  ///< name and sentence, one each

  /// Number of errors at most; a body may have thousands of unknown members.
  static constexpr std::size_t most = 100;
  /// Whether further errors are dropped.
  bool full() const { return fields.size() >= most; }

  /// Whether the field has an error.
  bool has(std::string_view name) const {
    return std::any_of(fields.begin(), fields.end(),
                       [&](const auto& field) { return field.first == name; });
  }
  /// Keeps the first error of each field, and the first `most` fields.
  void add(std::string_view name, std::string sentence) {
    if (!full() && !has(name)) fields.emplace_back(name, std::move(sentence));
  }
  /// The first error with its field, for `error` in the response; "": none.
  std::string summary() const {
    return fields.empty() ? "" : fields.front().first + ": " + fields.front().second;
  }
};

/// A parsed body, or its errors.
template <class T>
using Parsed = tl::expected<T, FieldErrors>;

}  // namespace postern::dialect::webhook
