// What the API says about a body that is not accepted: every field at fault with one sentence.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace postern::dialect::webhook {

/// The sentences hold no secret: a password or hash that was sent is never quoted.
struct FieldErrors {
  enum class Kind {
    validation_failed,  ///< 422
    missing_field,      ///< 400: a required field is not there (whatever else is wrong)
  };

  Kind kind = Kind::validation_failed;
  std::vector<std::pair<std::string, std::string>> fields;  ///< name and sentence, one each

  /// As many as anybody reads: a body may have members by the thousand that nobody knows.
  static constexpr std::size_t most = 100;
  bool full() const { return fields.size() >= most; }

  bool has(std::string_view name) const {
    return std::any_of(fields.begin(), fields.end(),
                       [&](const auto& field) { return field.first == name; });
  }
  /// Keeps the first sentence of a field, and the first `most` fields.
  void add(std::string_view name, std::string sentence) {
    if (!full() && !has(name)) fields.emplace_back(name, std::move(sentence));
  }
  /// The first sentence with its field: the `error` of the answer.
  std::string summary() const {
    return fields.empty() ? "" : fields.front().first + ": " + fields.front().second;
  }
};

template <class T>
using Parsed = tl::expected<T, FieldErrors>;

}  // namespace postern::dialect::webhook
