// Every lookup-table type there is a name for: what reads it here, or what to do without it. The
// reader, the importer and docs/restriction-keywords.md take theirs from this table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace postern::dialect::restrictions {

struct TableType {
  enum class Kind : std::uint8_t {
    lines,     ///< a text file, a key and a value on each line
    rows,      ///< the same within the list
    networks,  ///< cidr
    posix,     ///< regexp
    perl,      ///< pcre
    constant,  ///< static
    failing,   ///< fail
    either,    ///< unionmap: of several tables
    in_turn,   ///< pipemap: of several tables
    sqlite,
    program,  ///< asked of another program
    foreign,  ///< not read here
  };
  std::string_view name;
  Kind kind;
  std::string_view help;  ///< what it holds; of a foreign one what to do instead
  /// Postfix reads what postmap made of the source; here the source is read.
  bool indexed = false;

  /// Its name is that of a file.
  bool is_file() const;
  /// Its name is a list of tables in braces.
  bool is_compound() const { return kind == Kind::either || kind == Kind::in_turn; }
};

std::span<const TableType> table_types();
/// Null for a type that Postfix does not have either.
const TableType* find_table_type(std::string_view name);

}  // namespace postern::dialect::restrictions
