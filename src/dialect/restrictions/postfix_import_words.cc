// The words of a value that Postern does not carry.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/postfix_import_parts.h"
#include "dialect/restrictions/rules.h"
#include "dialect/restrictions/table_types.h"

namespace postern::dialect::restrictions {

namespace {

/// "mysql" of "proxy:mysql:/etc/postfix/users.cf"; "" if the word is not a table.
std::string_view table_type(std::string_view word) {
  while (word.starts_with("proxy:")) word.remove_prefix(6);
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view type = word.substr(0, colon);
  const bool plain = std::all_of(type.begin(), type.end(), [](char c) { return is_alnum(c); });
  return plain ? type : std::string_view();
}

/// Words of a value, and those within the braces of unionmap.
void flatten(std::string_view value, std::vector<std::string>& out, int depth = 0) {
  const auto words = split_words(value);
  if (!words || depth > 8) return;
  for (const Word& word : *words) {
    const std::string_view type = table_type(word.text);
    if (word.grouped) {
      flatten(word.text, out, depth + 1);
    } else if (const TableType* known = find_table_type(type);
               known != nullptr && known->is_compound()) {
      const std::size_t open = word.text.find('{');
      const std::size_t close = word.text.rfind('}');
      if (open != std::string::npos && close != std::string::npos && open < close) {
        flatten(std::string_view(word.text).substr(open + 1, close - open - 1), out, depth + 1);
      }
    } else {
      out.push_back(word.text);
    }
  }
}

/// Whether the settings of such a table are in a file: ldap_table(5), mysql_table(5),
/// pgsql_table(5), sqlite_table(5).
bool wants_settings(const TableType& type) {
  return type.kind == TableType::Kind::sqlite ||
         (type.kind == TableType::Kind::program && type.is_file());
}

}  // namespace

ForeignWords foreign_words(std::string_view value) {
  std::vector<std::string> words;
  flatten(value, words);
  ForeignWords out;
  bool is_service = false;
  for (const std::string& word : words) {
    const TableType* known = is_service ? nullptr : find_table_type(table_type(word));
    is_service = iequals(word, "check_policy_service");
    if (known == nullptr) continue;
    if (known->kind == TableType::Kind::foreign) out.types.insert(known);
    out.indexed |= known->indexed;
    const std::string_view name = std::string_view(word).substr(
        word.find(fmt::format("{}:", known->name)) + known->name.size() + 1);
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
      return is_alnum(c) || c == '_' || c == '-';
    });
    if (is_name && wants_settings(*known))
      out.unfiled.insert(fmt::format("{}:{}", known->name, name));
  }
  return out;
}

}  // namespace postern::dialect::restrictions
