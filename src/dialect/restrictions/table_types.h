// All lookup table types: how each is read, or what to use instead. Reader, importer and
// docs/restriction-keywords.md use this table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace postern::dialect::restrictions {

/// A table type.
struct TableType {
  /// How it is read.
  enum class Kind : std::uint8_t {
    lines,     ///< text file with a key and a value on each line
    rows,      ///< the same inside the list
    networks,  ///< cidr
    posix,     ///< regexp
    perl,      ///< pcre
    constant,  ///< static
    failing,   ///< fail
    either,    ///< unionmap: several tables joined
    in_turn,   ///< pipemap: several tables in turn
    sqlite,
    program,   ///< another program is asked
    accounts,  ///< unix: names of the machine's accounts or groups
    foreign,   ///< not supported
  };
  std::string_view name;  ///< before the colon
  Kind kind;              ///< reader
  std::string_view help;  ///< its contents; for a foreign type what to use instead
  /// Postfix reads postmap's output; here the source is read.
  bool indexed = false;

  /// Whether its name is a path.
  bool is_file() const;
  /// Whether its name is a list of tables in braces.
  bool is_compound() const { return kind == Kind::either || kind == Kind::in_turn; }
};

/// All types.
std::span<const TableType> table_types();
/// Null for a type that Postfix does not have either.
const TableType* find_table_type(std::string_view name);

}  // namespace postern::dialect::restrictions
