// Reads the members of a request body one by one and notes what is wrong with each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "dialect/webhook/field_errors.h"

namespace postern::dialect::webhook {

/// Where a list field comes as text or as an array.
struct ListText {
  std::vector<std::string> elements;  ///< trimmed; empty: the list is to be emptied
};

/// Borrows the body. Each reader returns nullopt when the member is absent or wrong; wrong ones
/// have their sentence in errors().
class BodyReader {
 public:
  explicit BodyReader(const boost::json::object& body) : body_(body) {}

  const boost::json::value* find(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::string> text(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  /// One of `words`.
  std::optional<std::string> word(std::string_view name, std::span<const std::string_view> words);
  /// A name for people: trimmed, at most 100 characters, no control characters.
  std::optional<std::string> title(std::string_view name);
  /// A comma string, lines, or an array of strings; null and "" empty it. At most 1000 elements.
  std::optional<ListText> list(std::string_view name);
  /// Notes each member that is in neither list, with the nearest name that is.
  void refuse_unknown(std::span<const std::string_view> writable,
                      std::span<const std::string_view> read_only, std::string_view object,
                      std::string_view otherwise = {});

  void error(std::string_view name, std::string sentence) {
    errors_.add(name, std::move(sentence));
  }
  /// The member has to be there and is not.
  void missing(std::string_view name, std::string sentence);
  FieldErrors& errors() { return errors_; }

 private:
  const boost::json::object& body_;
  FieldErrors errors_;
};

/// C0, DEL and C1 control characters in UTF-8 text.
bool has_control(std::string_view text);

inline constexpr std::size_t max_list_elements = 1000;

}  // namespace postern::dialect::webhook
