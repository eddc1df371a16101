#include "dialect/restrictions/table_types.h"

#include <algorithm>
#include <array>

namespace postern::dialect::restrictions {

namespace {

constexpr std::string_view lines_help = "the source file: a key and a value on each line";
constexpr std::string_view export_it = "export the rows into a text file and use texthash:";

constexpr auto table_types_known = [] {
  using enum TableType::Kind;
  return std::to_array<TableType>({
      {"hash", lines, lines_help, true},
      {"btree", lines, lines_help, true},
      {"lmdb", lines, lines_help, true},
      {"dbm", lines, lines_help, true},
      {"cdb", lines, lines_help, true},
      {"sdbm", lines, lines_help, true},
      {"texthash", lines, lines_help},
      {"inline", rows, "the rows themselves: `inline:{ {key = value}, key=value }`"},
      {"cidr", networks, "a file of networks and values, or `cidr:{ {row}, {row} }`"},
      {"regexp", posix, "a file of POSIX patterns and values, or `regexp:{ {row} }`"},
      {"pcre", perl, "a file of Perl's patterns and values, or `pcre:{ {row} }`"},
      {"static", constant, "one value for every key"},
      {"fail", failing, "every look-up fails"},
      {"unionmap", either, "the results of several tables together: `unionmap:{hash:/a, cidr:/b}`"},
      {"pipemap", in_turn, "the result of one table is the key for the next"},
      {"sqlite", sqlite, "a file with the database and its query"},
      {"pgsql", program, "a file with the PostgreSQL server and the query"},
      {"mysql", program, "a file with the MySQL or MariaDB server and the query"},
      {"ldap", program, "a file with the LDAP server and the query"},
      {"memcache", program, "a file with the memcached server and the table behind it"},
      {"unix", accounts,
       "the machine's accounts, `unix:passwd.byname` of /etc/passwd, or `unix:group.byname` of "
       "/etc/group"},
      {"tcp", program, "a server of the tcp_table(5) protocol"},
      {"socketmap", program, "a server of the socketmap_table(5) protocol"},
      {"mongodb", foreign, export_it},
      {"nis", foreign, export_it},
      {"nisplus", foreign, export_it},
      {"netinfo", foreign, export_it},
      {"environ", foreign, "write the value with static: or inline:"},
      {"internal", foreign, "write the values with inline:"},
      {"randmap", foreign, "a decision must not be random: choose one of its values"},
  });
}();

}  // namespace

bool TableType::is_file() const {
  using enum Kind;
  return kind == lines || kind == networks || kind == posix || kind == perl ||
         kind == Kind::sqlite || name == "pgsql" || name == "mysql" || name == "ldap" ||
         name == "memcache";
}

std::span<const TableType> table_types() { return table_types_known; }

const TableType* find_table_type(std::string_view name) {
  const auto* const found = std::ranges::find(table_types_known, name, &TableType::name);
  return found == std::ranges::end(table_types_known) ? nullptr : found;
}

}  // namespace postern::dialect::restrictions
