// Reads the members of a request body and collects their errors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "dialect/webhook/field_errors.h"

namespace postern::dialect::webhook {

/// A list field, given as text or as an array.
struct ListText {
  std::vector<std::string> elements;  ///< trimmed; empty: clears the list
};

/// Readers return nullopt if the member is absent or invalid; for an invalid one a sentence is in
/// errors(). Borrows the body; not thread-safe.
class BodyReader {
 public:
  /// `body` must outlive this object.
  explicit BodyReader(const boost::json::object& body) : body_(body) {}

  /// The member of any type; null if it is absent.
  const boost::json::value* find(std::string_view name) const;
  /// true or false.
  std::optional<bool> boolean(std::string_view name);
  /// A string.
  std::optional<std::string> text(std::string_view name);
  /// A number from `least` to `most`.
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  /// A string that is one of `words`.
  std::optional<std::string> word(std::string_view name, std::span<const std::string_view> words);
  /// A name for people: trimmed, at most 100 characters, without control characters.
  std::optional<std::string> title(std::string_view name);
  /// A comma-separated string, lines, or an array of strings; null and "" clear the list. At most
  /// max_list_elements.
  std::optional<ListText> list(std::string_view name);
  /// Adds an error for each member that is in neither list, with the most similar known name.
  void refuse_unknown(std::span<const std::string_view> writable,
                      std::span<const std::string_view> read_only, std::string_view object,
                      std::string_view otherwise = {});

  /// Adds an error.
  void error(std::string_view name, std::string sentence) {
    errors_.add(name, std::move(sentence));
  }
  /// Adds an error for a required member that is absent.
  void missing(std::string_view name, std::string sentence);
  /// The errors so far.
  FieldErrors& errors() { return errors_; }

 private:
  const boost::json::object& body_;
  FieldErrors errors_;
};

/// Whether UTF-8 text contains a control character: C0, DEL or C1.
bool has_control(std::string_view text);

/// Elements of a list field at most.
inline constexpr std::size_t max_list_elements = 1000;

}  // namespace postern::dialect::webhook
